#!/usr/bin/env bash
# Proves the engine on this machine's NVIDIA device, in at most ten minutes:
#   native-engine/gpu/selftest.sh [build folder]
# Builds the library, the tests and the benchmark where the folder does not have them (nvcc, cmake,
# ninja and GoogleTest are needed for that), runs whole tiny models of every architecture and format
# against the processor bit for bit, and prints a table of decode and prefill.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$here/build/gpu}
deadline=$((SECONDS + 600))
left() { echo $((deadline - SECONDS > 1 ? deadline - SECONDS : 1)); }

# The device's own code only: the other ones would cost most of the ten minutes.
architecture() {
  local capability
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d '.')
  [[ $capability == 90 ]] && capability=90a
  echo "$capability"
}

build_all() {
  cmake -S "$here" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O3 -g1" -DSB_CUDA_CODES="arch=compute_$(architecture),code=sm_$(architecture)" >/dev/null
  timeout "$(left)" cmake --build "$build" --target switchboard_cuda sb_engine_tests sb_device_bench
}

[[ -x $build/sb_engine_tests && -x $build/sb_device_bench && -e $build/libswitchboard_cuda.so ]] ||
  build_all
nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader
export SWITCHBOARD_CUDA_LIBRARY=$build/libswitchboard_cuda.so

tests=("$build/sb_engine_tests" --gtest_brief=1 '--gtest_filter=*Device*:-Emulated*:Hopper*')
timeout "$(left)" "${tests[@]}"
if command -v compute-sanitizer >/dev/null; then
  timeout "$(left)" compute-sanitizer --error-exitcode 1 "$build/sb_engine_tests" --gtest_brief=1 \
    '--gtest_filter=DeviceTest.*'
fi
timeout "$(left)" "$build/sb_device_bench" cuda
if [[ $(architecture) == 90a ]]; then
  timeout "$(left)" "$build/sb_engine_tests" --gtest_brief=1 '--gtest_filter=HopperDeviceTest.*'
  for kernel in wgmma wgmma-rounded; do
    printf 'SWITCHBOARD_CUDA_BF16=%s\n' "$kernel"
    SWITCHBOARD_CUDA_BF16=$kernel timeout "$(left)" "$build/sb_device_bench" cuda
  done
fi
