#!/usr/bin/env bash
# Proves the engine on this machine's NVIDIA device, and measures it, in at most ten minutes. --help says how.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: selftest.sh [OPTION]... [BUILD]
       selftest.sh --pack FILE [BUILD]

Runs whole tiny models of every architecture and format on the device against the processor, bit for bit, and prints a table of
decode and prompts: rates, and shares of what this device reads and multiplies at most by kernels of our own in the same run. From a
pack, a worker on the device then answers over HTTP what a worker on the processor answers.
Before the table, models with the shapes of real ones have to give the processor's bits too: sb_device_bench check.
Behind that, as far as ten minutes reach: llama-bench and vLLM where they are installed and a model is named, Nsight Compute on the
hot kernels, the tests again under compute-sanitizer's memcheck, synccheck and racecheck. A line says what was left out, and why.
Where a part fails the others go on; the last lines name those that failed, and the exit status is 1.

  BUILD          folder with the programs; where they are not there they are built (nvcc 13.0, cmake 3.25, ninja, g++, GoogleTest) for
                 this device. What was built stays: where the ten minutes end before, a second run goes on with it
  --log FILE     where all of it is written too: selftest.log unless named
  --gguf FILE    for llama-bench, beside the table
  --vllm FOLDER  for `vllm bench latency` with random weights, beside the table: a model's configuration
  --pack FILE    packs this script, the programs for all devices and the worker with its Java runtime (.tar.xz, at most 64 MiB), to
                 be unpacked where a device is, no compiler and no JDK, and glibc is new enough (2.38 from Debian 13: Ubuntu
                 24.04, not 22.04): tar -xJf FILE && switchboard-gpu/selftest.sh. What is not
                 in BUILD is built; the worker is taken from ./switchboard build, its runtime from the JDK that JAVA_HOME names.
                 There, switchboard-gpu/worker/bin/worker --help says how to start the worker
  --dry-run      prints the commands for an H100 and runs none
TEXT
}

folder=$(cd "$(dirname "$0")" && pwd)
sources=$(dirname "$folder")
checkout=$(dirname "$sources")
most_bytes=$((64 << 20))
programs=(libswitchboard_cuda.so sb_engine_tests sb_device_bench)
deadline=$((SECONDS + 600))
build='' gguf='' vllm='' pack='' log=selftest.log dry='' staged='' aside='' answer=''
failed=()

fail() {
  printf 'selftest.sh: %s\n' "$*" >&2
  exit 64
}

arguments() {
  while (($# > 0)); do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --dry-run) dry=yes ;;
      --gguf | --vllm | --pack | --log)
        (($# > 1)) || fail "$1 needs a value"
        printf -v "${1#--}" %s "$2"
        shift
        ;;
      -*) fail "there is no option $1; --help lists those that there are" ;;
      *)
        [[ -z $build ]] || fail "one folder is enough, and $1 is the second"
        build=$1
        ;;
    esac
    shift
  done
}

clean_up() {
  [[ -z $aside ]] || kill "$aside" 2>/dev/null || true
  [[ -z $staged ]] || rm -rf "$staged"
}
left() { echo $((deadline > SECONDS ? deadline - SECONDS : 0)); }
left_out() { printf 'left out: %s\n' "$*"; }
there() { command -v "$1" >/dev/null || { left_out "$1 is not installed" && false; }; }

# run COMMAND...: within what is left of the ten minutes; 124 where they end before
run() {
  printf '+ %s\n' "$*"
  [[ -z $dry ]] || return 0
  (($(left) > 0)) || return 124
  timeout "$(left)" "$@"
}
# run_aside OUTPUT COMMAND...: aside is its process
run_aside() {
  printf '+ %s\n' "${*:2}"
  [[ -z $dry ]] || return 0
  "${@:2}" >"$1" 2>"$1.log" &
  aside=$!
}
# What may end when the time does.
as_far_as_time_reaches() {
  local status=0
  (($(left) > 0)) || { left_out "${*##*/}: the ten minutes are over" && return; }
  run "$@" || status=$?
  ((status != 124)) || { left_out "the rest of ${*##*/}: the ten minutes are over" && return; }
  return "$status"
}
# proven COMMAND...: what the rest would be nothing without. Where it does not end in time it has failed too.
proven() {
  local status=0
  run "$@" || status=$?
  case $status in
    0) ;;
    124) failed+=("$*: it did not end in the ten minutes") ;;
    *) failed+=("$*: status $status") ;;
  esac
}
# part COMMAND...: the same, but that time may end before
part() { as_far_as_time_reaches "$@" || failed+=("$*: status $?"); }
# tried PROGRAM [ARGUMENT]...: what only compares, or looks closer. Where it fails the rest goes on.
tried() { as_far_as_time_reaches "$@" || left_out "$1 ended with status $?"; }

complete() {
  local program
  for program in "${programs[@]}"; do [[ -e $1/$program ]] || return; done
}

# The device's own code only: that of all would take most of the ten minutes.
architecture() {
  local capability=90
  if [[ -z $dry ]]; then
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader)
    capability=${capability%%$'\n'*} && capability=${capability//./}
  fi
  [[ $capability == 90 ]] && capability=90a
  echo "$capability"
}

# needs PROGRAM WORD LEAST WHERE: a program whose --version has its number behind the word
needs() {
  local there major minor
  command -v "$1" >/dev/null || fail "there is no $1, which building needs: $4; or unpack a pack of another machine (--pack)"
  [[ $("$1" --version) =~ $2\ ([0-9]+)[.]([0-9]+) ]] || fail "$1 --version tells no version"
  major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]} there=$major.$minor
  ((major * 1000 + minor >= ${3%.*} * 1000 + ${3#*.})) || fail "$1 is $there, and $3 is needed to build: $4"
}
can_build() {
  PATH=$PATH:/usr/local/cuda/bin
  needs nvcc release 13.0 "install NVIDIA's cuda-toolkit-13-0"
  needs cmake version 3.25 "of Ubuntu 24.04 or Debian 12 on, or pip install cmake"
  command -v ninja >/dev/null || fail "there is no ninja, which building needs: install ninja-build"
}

# build_programs [OPTION]...
build_programs() {
  local status=0
  [[ -n $dry ]] || can_build
  printf 'building in %s, for minutes; what is built stays there, and a second run goes on with it\n' "$build"
  run cmake -S "$sources" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O3 -g1" \
    -DCMAKE_EXE_LINKER_FLAGS="-static-libstdc++ -static-libgcc" "$@" &&
    run cmake --build "$build" --target switchboard_cuda sb_engine_tests sb_device_bench || status=$?
  ((status != 124)) || fail "the ten minutes ended while building: start it again, it goes on with what was built"
  ((status == 0)) || fail "what is to be tested was not built: cmake ended with status $status"
}

# pack_worker FOLDER: the worker in one folder, which images are made of too; it finds the library for CUDA beside its own.
pack_worker() {
  local parts=$staged/parts
  run "$checkout/images/stage" worker "$parts" || fail "--pack needs the worker of ./switchboard build and JAVA_HOME"
  [[ -z $dry ]] || return 0
  mkdir "$1"
  cp -a "$parts/java" "$parts"/{libraries,own}/. "$1/"
  ln -s ../../libswitchboard_cuda.so "$1/native/"
}

pack_programs() {
  deadline=$((SECONDS + 86400))
  build=${build:-$sources/build/gpu-pack}
  complete "$build" || build_programs
  staged=$(mktemp -d)
  mkdir "$staged/switchboard-gpu"
  pack_worker "$staged/switchboard-gpu/worker"
  [[ -z $dry ]] || return 0
  cp "$0" "$staged/switchboard-gpu/"
  local program
  for program in "${programs[@]}"; do strip -o "$staged/switchboard-gpu/$program" "$build/$program"; done
  commit >"$staged/switchboard-gpu/commit"
  # The newest of what its programs ask for.
  { grep -rhaoE 'GLIBC_2[.][0-9]+' "$staged/switchboard-gpu" || true; } | sort -uV | tail -n 1 >"$staged/switchboard-gpu/glibc"
  tar -cJf "$pack" -C "$staged" switchboard-gpu
  local bytes
  bytes=$(stat -c %s "$pack")
  ((bytes <= most_bytes)) || fail "$pack has $bytes bytes, more than $most_bytes"
  printf '%s: %s bytes\n' "$pack" "$bytes"
}

commit() { cat "$folder/commit" 2>/dev/null || git -C "$checkout" describe --always --dirty 2>/dev/null || echo unknown; }

# Of a pack: the programs would say this in words of the loader.
glibc_is_new_enough() {
  local needed there
  [[ -s $folder/glibc ]] && command -v getconf >/dev/null || return 0
  needed=$(<"$folder/glibc") there=$(getconf GNU_LIBC_VERSION)
  needed=${needed#GLIBC_} there=${there#glibc }
  ((${there#2.} >= ${needed#2.})) ||
    fail "this pack needs glibc $needed, and here is $there (Ubuntu 22.04 has 2.35, 24.04 2.39): build here, or pack on an older system"
}

find_programs() {
  local code
  [[ -n $build ]] || { complete "$folder" && build=$folder; } || true
  if [[ -n $build ]] && complete "$build"; then return; fi
  build=${build:-$sources/build/gpu}
  [[ -e $sources/CMakeLists.txt ]] || fail "$build has not all of ${programs[*]}, and there are no sources to build them from"
  code=$(architecture)
  # Other compilers of CUDA 13 may warn of more, or spill.
  build_programs "-DSB_CUDA_CODES=arch=compute_$code,code=sm_$code" -DSB_STRICT=OFF
}

# beside NAME PROGRAM VALUE COMMAND...
beside() {
  local option=$1 program=$2 value=$3
  shift 3
  [[ -n $value ]] || { left_out "$program: no $option was given" && return; }
  ! there "$program" || tried "$program" "$@"
}

question='{"model":"switchboard-demo","temperature":0,"messages":[{"role":"user","content":"Payment of 40 EUR at a bakery, card present"}]}'
# answer_on DEVICE: sets answer to what a worker there answers.
answer_on() {
  local model=$build/worker/models/switchboard-demo.gguf port
  local events=$staged/$1.events
  run_aside "$events" "$build/worker/bin/worker" --device "$1" --model "$model"
  [[ -z $dry ]] || return 0
  until grep -q '"event":"ready"' "$events"; do
    if ! kill -0 "$aside" 2>/dev/null || (($(left) == 0)); then
      tail -n 3 "$events" "$events.log" >&2
      fail "the worker on $1 does not start"
    fi
    sleep 0.2
  done
  port=$(sed -n 's/.*"event":"listening".*"port":\([0-9]*\).*/\1/p' "$events")
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "${#question}" "$question" >&3
  answer=$(timeout "$(($(left) + 1))" cat <&3)
  exec 3>&-
  kill "$aside"
  wait "$aside" || true
  aside=''
  [[ $answer == 'HTTP/1.1 200 '*'"finish_reason":"stop"'* ]] || fail "the worker on $1 answers: $answer"
  answer=${answer#*\"choices\":}
}
same_answers() {
  local on_processor
  staged=$(mktemp -d)
  answer_on cpu
  on_processor=$answer
  answer_on cuda
  [[ $answer == "$on_processor" ]] || fail "the worker on the device answers $answer, that on the processor $on_processor"
  [[ -n $dry ]] || printf 'the worker on the device answers as that on the processor\n'
}

# All that is done on a device; its own shell, as its output goes to the log too.
prove() {
  trap clean_up EXIT
  printf 'commit: %s\n' "$(commit)"
  [[ -n $dry ]] || command -v nvidia-smi >/dev/null || fail "there is no nvidia-smi, so no NVIDIA driver"
  run nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap,clocks.max.sm --format=csv,noheader ||
    fail "nvidia-smi ended with status $?, so the driver does not work"
  glibc_is_new_enough
  find_programs
  export SWITCHBOARD_CUDA_LIBRARY=$build/libswitchboard_cuda.so
  # What the library cannot use it says in one line; each test would say it again.
  proven "$build/sb_device_bench" peak
  ((${#failed[@]} > 0)) || measure
  tell_end
}
tell_end() {
  [[ -z $dry ]] || return 0
  ((${#failed[@]} > 0)) || { printf 'passed\n' && return; }
  printf 'failed: %s\n' "${failed[@]}"
  return 1
}

measure() {
  local tests=("$build/sb_engine_tests" --gtest_brief=1) code kernel name kernels=(mma-rounded)
  proven "${tests[@]}" '--gtest_filter=*Device*:-Emulated*:Hopper*'
  proven "$build/sb_device_bench" check
  proven "$build/sb_device_bench" cuda
  code=$(architecture)
  # From 9.0 on a kernel begins before the one before it has ended. What that gives:
  ((${code%a} < 90)) || part env SWITCHBOARD_CUDA_OVERLAP=off "$build/sb_device_bench" cuda 1
  if [[ $code == 90a ]]; then
    part "${tests[@]}" '--gtest_filter=HopperDeviceTest.*'
    kernels+=(wgmma wgmma-rounded)
  fi
  for kernel in "${kernels[@]}"; do part env "SWITCHBOARD_CUDA_BF16=$kernel" "$build/sb_device_bench" cuda 1 BF16; done
  if [[ -n $dry || -x $build/worker/bin/worker ]]; then
    (trap clean_up EXIT && same_answers) || failed+=("the worker on the device does not answer as that on the processor")
  else
    left_out "a worker on the device: only a pack has one"
  fi
  look_closer "${tests[@]}"
}

# look_closer TESTS...
look_closer() {
  beside --gguf llama-bench "$gguf" -m "$gguf" -ngl 99 -fa 1 -p 2048 -n 128
  beside --vllm vllm "$vllm" bench latency --model "$vllm" --load-format dummy --batch-size 1 --input-len 128 --output-len 128 \
    --skip-tokenizer-init --disable-detokenize
  local name profiled=()
  ! there ncu || profiled=('1B Q8_0' '1B BF16')
  for name in "${profiled[@]}"; do
    # With its own control of clocks it would measure a slower device than the table does.
    tried ncu --set full --clock-control none --kernel-name 'regex:multiply_vectors|multiply_gated|multiply_short_floats|attend_part' \
      --launch-skip 200 --launch-count 9 "$build/sb_device_bench" cuda 1 "$name"
  done
  there compute-sanitizer || return 0
  # Errors that were found count when a call ends: what is short goes first.
  for name in 'DeviceTest.*' '*Device*:-Emulated*:Hopper*:DeviceTest.*'; do
    part compute-sanitizer --error-exitcode 1 "$@" "--gtest_filter=$name"
  done
  # Whether they know wgmma and TMA has not been tried, so what they report is to be read and ends nothing.
  for name in synccheck racecheck; do
    tried compute-sanitizer --tool "$name" --error-exitcode 1 "$@" '--gtest_filter=DeviceTest.*'
  done
}

main() {
  arguments "$@"
  if [[ -n $pack ]]; then
    trap clean_up EXIT
    pack_programs
    return
  fi
  if [[ -n $dry ]]; then
    prove
    return
  fi
  : >"$log" || fail "$log cannot be written: name another file with --log"
  printf 'all of this is written to %s too\n' "$log"
  prove 2>&1 | tee "$log"
}

main "$@"
