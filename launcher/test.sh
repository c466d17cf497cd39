# shellcheck shell=bash
# test: every test and quality gate.

# What the tests cover is in README.md; each part can be run alone by the command it shows here.
run_tests() {
  local begun=$SECONDS computations console
  case ${1:-} in
    '') ;;
    --fresh)
      # Not an "&&": where it failed, the tests of this checkout would follow.
      fresh_tests "${@:2}" || exit
      return
      ;;
    --readme)
      without_options "test --readme" "${@:2}"
      install_missing test
      readme_ports_free
      build
      step "the README's commands, as its reader runs them" readme-test "$home/.ci/readme-test"
      step "the commands of the pages under docs" docs-test "$home/.ci/docs-test" --whole
      return
      ;;
    --browser)
      without_options "test --browser" "${@:2}"
      install_missing console
      build
      step "the console in Chromium, before a real system" browser-test maven -pl console verify -Dgroups=browser
      return
      ;;
    --package)
      without_options "test --package" "${@:2}"
      install_missing fresh
      package
      step "the package in a Debian with its essential packages only" package-test as_root env SWITCHBOARD_PACKAGE_TEST="${SWITCHBOARD_PACKAGE_TEST:-}" "$home/.ci/package-test"
      cat "$logs/package-test.log"
      step "the package's unit under a running systemd" systemd-test as_root env SWITCHBOARD_SYSTEMD_TEST="${SWITCHBOARD_SYSTEMD_TEST:-}" "$home/.ci/systemd-test"
      cat "$logs/systemd-test.log"
      return
      ;;
    --long)
      without_options "test --long" "${@:2}"
      install_missing long
      images gateway console worker
      benchmarks gateway
      step "the Kubernetes base under podman, rolled out under 200 streams" rollout-test rollout_test
      cat "$logs/rollout-test.log"
      return
      ;;
    --sanitizers)
      without_options "test --sanitizers" "${@:2}"
      install_missing test
      tests_side_by_side
      sanitizer_tests
      say "${bold}All green${off} ${dim}($((SECONDS - begun)) s)${off}"
      return
      ;;
    *) usage_error "test knows --readme, --browser, --sanitizers, --package, --long and --fresh, not '$1'; ./switchboard test --help" ;;
  esac
  install_missing test
  readme_ports_free
  say "Testing"
  tests_side_by_side
  build_begins
  step "C++ format" clang-format check_cpp_format
  step "the launcher's code" shellcheck check_shell
  step "the launcher's help, which runs nothing" help-test "$home/.ci/help-test"
  step "the self-test of devices, without one" selftest-test "$home/.ci/selftest-test"
  rm -f "$home"/{native-engine,gateway}/target/test.classpath
  launch computations in_spare_time computations
  computations=$job
  launch console-verify in_spare_time console_tests
  console=$job
  step "release build: native tests, Java gates, unit, fuzz and integration tests" maven-verify maven -pl native-engine,gateway verify -DexcludedGroups=computation
  attend "the console: gates, unit and integration tests" console-verify "$console"
  build_succeeds
  step "the README's commands, as its reader runs them" readme-test "$home/.ci/readme-test"
  step "the commands of the pages under docs" docs-test "$home/.ci/docs-test"
  attend "simulations, the longest fuzz test, the same tokens from every model in any batch" computations "$computations"
  summary
  say "${bold}All green${off} ${dim}($((SECONDS - begun)) s)${off}"
}
tests_side_by_side() { CTEST_PARALLEL_LEVEL=$(nproc) && export CTEST_PARALLEL_LEVEL; }
readme_ports_free() {
  local port
  for port in 8080 9901; do ! listening "$port" || fail "port $port is taken, and the README's commands are tested on it"; done
}
# All that README.md promises of the two commands, in a Debian 13 with git and bash only.
fresh_tests() {
  install_missing fresh
  as_root env HOME="$HOME" "$home/.ci/fresh-test" "$@"
}
rollout_test() {
  ROLLOUT_CLASS_PATH=$(bench_class_path gateway) SWITCHBOARD_ROLLOUT_TEST="${SWITCHBOARD_ROLLOUT_TEST:-}" "$home/.ci/rollout-test"
}
check_shell() {
  local scripts
  mapfile -t scripts < <(grep -lE '^#!.*bash' "$home"/{.ci,images,package,native-engine/gpu}/* 2>/dev/null)
  cd "$home" && shellcheck -x -a switchboard && shellcheck -S warning "${scripts[@]}"
}
check_cpp_format() {
  cd "$home/native-engine" && find src/main/cpp src/test/cpp src/bench/cpp \( -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
    xargs -0 clang-format-19 --dry-run --Werror
}
native_build() { cd "$home/native-engine" && cmake --preset "$1" -DSB_TESTS=ON && cmake --build --preset "$1"; }
# Maven runs those of the release preset. Here too g++ 14 and clang 19 compile the native code, whatever compiler the machine has.
sanitizer_tests() {
  step "native code and its tests with g++ 14 and clang 19" compile-test "$home/.ci/compile-test"
  step "native tests under the address and undefined-behaviour sanitizers" asan sanitized asan
  step "native tests under the thread sanitizer" tsan sanitized tsan
  step "CUDA kernels without each barrier, exchange and wait in turn, and with each mask changed" mutations cuda_mutations
  cuda_kernels
  build
  step "the pack for a machine with a device" pack-test "$home/.ci/pack-test"
}
cuda_mutations() { native_build release && "$home/.ci/mutation-test"; }
# After cuda_mutations, by which CMake has looked for nvcc.
cuda_kernels() {
  local title="CUDA kernels for every device" release=$home/native-engine/build/release
  if grep -q '^SB_NVCC:.*NOTFOUND' "$release/CMakeCache.txt"; then
    say "  ${yellow}left out${off}  $title: no nvcc on the PATH or in /usr/local/cuda/bin"
    return
  fi
  step "$title" nvcc cmake --build "$release" --target switchboard_cuda sb_device_bench
}
sanitized() { native_build "$1" && ctest --preset "$1"; }
# Java tests that compute for minutes, measure no time and wait for nothing, so that Maven need not: it tells the class path as soon as a
# module's tests are compiled.
computations() {
  local module
  for module in native-engine gateway; do
    until [[ -s $home/$module/target/test.classpath ]]; do sleep 1; done
    cd "$home/$module"
    SWITCHBOARD_CUDA_LIBRARY=${engine_library%/*}/libswitchboard_emulated.so \
      "$JAVA_HOME/bin/java" -XX:+UseSerialGC --enable-native-access=ALL-UNNAMED -Dswitchboard.home="$home" \
      -Dswitchboard.library="$engine_library" -Djqwik.database=target/jqwik-computation \
      -cp "target/test-classes:target/classes:$(<target/test.classpath)" org.junit.platform.console.ConsoleLauncher execute \
      --disable-banner --disable-ansi-colors --fail-if-no-tests --include-tag computation --scan-class-path target/test-classes \
      --reports-dir target/computation-reports || return
  done
}
# It needs nothing of the other modules, and waits until they compile no more.
console_tests() {
  until [[ -s $home/gateway/target/test.classpath ]]; do sleep 1; done
  maven -pl console verify -DexcludedGroups=browser
}
# With what processor time nobody else wants, since the tests beside it wait more than they compute; the kernel's idle class takes nothing from
# tests that measure time.
in_spare_time() { chrt --idle --pid 0 "$BASHPID" >/dev/null || renice -n 19 "$BASHPID" >/dev/null && "$@"; }
summary() {
  local module
  for module in native-engine gateway; do
    say "  $module: $(cat "$home/$module"/target/{surefire,failsafe,computation}-reports/TEST-*.xml 2>/dev/null |
      grep -o '<testsuite [^>]*' | sed -E 's/.* tests="([0-9]+)".*/\1/' | awk '{n += $1} END {print n + 0}') Java tests"
  done
  second_attempts
}
# Those that judge a time may be run once more; what was so late is told, since each time it may also be a fault.
second_attempts() {
  local test
  cat "$home"/*/target/failsafe-reports/TEST-*.xml 2>/dev/null | awk '
    /<testcase / {
      match($0, /classname="[^"]*"/); class = substr($0, RSTART + 11, RLENGTH - 12)
      match($0, / name="[^"]*"/); name = substr($0, RSTART + 7, RLENGTH - 8)
    }
    /<flaky(Failure|Error)/ {
      match($0, /message="[^"]*"/)
      print class "." name ": " substr($0, RSTART + 9, RLENGTH > 10 ? RLENGTH - 10 : 0)
    }' | sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g' | while IFS= read -r test; do
    say "  ${yellow}only at the second attempt${off}  ${test:0:300}"
  done
}
