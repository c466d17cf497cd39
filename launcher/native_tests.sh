# shellcheck shell=bash
# The tests of native code, and of the engine's numbers. They cost minutes and few commits touch what they depend on, so what was green once with the same sources, compilers
# and processor is not run again by a commit's tests.

# native_build PRESET TARGET...: all targets where none is named.
native_build() {
  export CTEST_PARALLEL_LEVEL CCACHE_BASEDIR=$home CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros # the same from any folder
  CTEST_PARALLEL_LEVEL=$(nproc)
  cd "$home/native-engine" && cmake --preset "$1" -DSB_TESTS=ON && cmake --build --preset "$1" ${2:+--target "${@:2}"}
}
native_tests() { # native_tests PRESET OPTION...: options are those of ctest
  native_build "$1" && ctest --preset "$1" --output-on-failure "${@:2}"
}
# Behind a build of the tests, by which CMake has looked for nvcc.
cuda_kernels() {
  local release=$home/native-engine/build/release
  if grep -q '^SB_NVCC:.*NOTFOUND' "$release/CMakeCache.txt"; then
    say "left out: no nvcc on the PATH or in /usr/local/cuda/bin"
    return
  fi
  cmake --build "$release" --target switchboard_cuda sb_device_bench
}

# Outside the checkout: the next one is built from the same sources.
green_folder=${XDG_CACHE_HOME:-${HOME:-$state}/.cache}/switchboard/green
# green_sum PART: of all that the part's result depends on.
green_sum() {
  local more=()
  [[ $1 != numbers ]] || more=(native-engine/src/{main,test}/java)
  {
    say "$1"
    cd "$home" && find native-engine/CMakeLists.txt native-engine/CMakePresets.json native-engine/src/{main,test,bench}/cpp native-engine/gpu ${more[@]+"${more[@]}"} \
      launcher/native_tests.sh .ci/compile-test .ci/mutation-test -type f -print0 | sort -z | xargs -0 sha256sum
    c++ --version
    cmake --version
    grep -m 2 -E '^(model name|flags)' /proc/cpuinfo
  } | sha256sum | cut -d ' ' -f 1
}
remember_green() { # remember_green PART
  mkdir -p "$green_folder" || return 0
  printf '%s, commit %s' "$(date -u +%F)" "$(git -C "$home" rev-parse --short=8 HEAD 2>/dev/null || say none)" >"$green_folder/$(green_sum "$1")"
}
# not_green PART...: those that were not green with these sources. It says which were.
not_green() {
  local part when title
  for part; do
    if when=$(cat "$green_folder/$(green_sum "$part")" 2>/dev/null); then
      title=$(describe "$part")
      say "  ${green}green${off}  ${title#* } ${dim}(with the same sources, $when)${off}" >&2
    else
      say "$part"
    fi
  done
}
