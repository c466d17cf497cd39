# shellcheck shell=bash
# test: every test and quality gate, in tiers. docs/tests.md says what is in which, and what each took last.
#
# A tier is a list of parts, which stages.sh runs. All of them run whatever fails.

run_tests() {
  begun_tests=$SECONDS
  case ${1:-} in
    --only) without_options "test --only" "${@:3}" ;;
    --fresh | '') ;;
    *) without_options "test $1" "${@:2}" ;;
  esac
  case ${1:-} in
    '') commit_tests ;;
    --nightly) nightly_tests ;;
    --failed) repeat_failed ;;
    --only) only_tests "${2:-}" ;;
    --readme) install_missing test && readme_ports_free && build && stage 1 readme-whole docs-whole ;;
    --browser) install_missing console && begin_tests && build_for_tests && stage 1 browser ;;
    --sanitizers) install_missing test && own_folders && stage 1 native compilers asan tsan mutations kernels ;;
    # Not an "&&": where it failed, the tests of this checkout would follow.
    --fresh) fresh_tests "${@:2}" || exit ;;
    --package) package_tests ;;
    --long) long_tests ;;
    *) usage_error "test knows --nightly, --failed, --only, --readme, --browser, --sanitizers, --package, --long and --fresh, not '$1'; ./switchboard test --help" ;;
  esac
  case ${1:-} in --fresh | --package | --long) ;; *) conclude ;; esac
}

# ---------------------------------------------------------------- the tiers

commit_tests() {
  breadth=("${short[@]}") tier=(--exclude-tag night)
  untimed=("${judges_no_time[@]}")
  begin_tests
  build_for_tests gates
  mapfile -t native < <(not_green numbers native asan tsan)
  stage 4 gateway-c gateway-b gateway-a simulations gateway-unit engine console
  stage 1 readme ${native[@]+"${native[@]}"} # alone: some of the native tests count what threads do at the same time
}
nightly_tests() {
  install_missing console
  begin_tests
  build_for_tests gates
  stage 4 gateway-a gateway-b gateway-c simulations gateway-unit engine console
  stage 1 timing-1 timing-2 timing-3 native-timing browser readme-whole docs-whole
  stage 1 numbers native asan tsan compilers mutations kernels
}
judges_no_time=(-E '^faults$') # those compare how long ranks compute
untimed=()
# only_tests NAMES: parts and classes of tests, with commas between.
only_tests() {
  local name names=() parts=()
  IFS=, read -ra names <<<"$1"
  ((${#names[@]})) || usage_error "test --only needs parts of a tier or classes of tests, with commas between"
  for name in "${names[@]}"; do
    if describe "$name" >/dev/null; then
      parts+=("$name")
    elif [[ -n $(module_of "$name") ]]; then
      classes+=("$name")
    else
      usage_error "test --only: '$name' is neither a part of a tier nor a class of tests"
    fi
  done
  case " ${parts[*]-} " in *" browser "*) install_missing console ;; esac
  untimed=("${judges_no_time[@]}")
  begin_tests
  build_for_tests
  ((!${#classes[@]})) || parts+=(classes)
  stage 1 "${parts[@]}"
}
repeat_failed() {
  [[ -s $failures ]] || fail "nothing failed last time"
  only_tests "$(cut -f 2 "$failures" | sed 's/[#$].*//' | sort -u | paste -sd ,)"
}
begin_tests() {
  install_missing test
  [[ $home != *:* ]] || fail "the checkout's path must not have a colon, by which Java parts class paths: $home"
  may_build
  one_build_at_a_time
  readme_ports_free
  rm -rf "$home"/{native-engine,gateway,console}/target/test-reports
  say "Testing"
}
# build_for_tests PART...: what all others need, and parts that need nothing beside it. Nothing else runs where it fails.
build_for_tests() {
  build_begins
  stage 3 library compile "$@"
  [[ -z $(failed_parts library compile) ]] || conclude
  build_succeeds
  exec 8>&- # whoever waits to build finds it done
}
readme_ports_free() {
  local port
  for port in 8080 9901; do ! listening "$port" || fail "port $port is taken, and the README's commands are tested on it"; done
}
# All that README.md promises of the two commands, in a Debian 13 with git and bash only.
fresh_tests() {
  install_missing fresh
  as_root env HOME="$HOME" "$home/.ci/fresh-test" "$@"
}
package_tests() {
  install_missing fresh
  package
  step "the package in a Debian with its essential packages only" package-test as_root env SWITCHBOARD_PACKAGE_TEST="${SWITCHBOARD_PACKAGE_TEST:-}" "$home/.ci/package-test"
  cat "$logs/package-test.log"
  step "the package's unit under a running systemd" systemd-test as_root env SWITCHBOARD_SYSTEMD_TEST="${SWITCHBOARD_SYSTEMD_TEST:-}" "$home/.ci/systemd-test"
  cat "$logs/systemd-test.log"
}
long_tests() {
  install_missing long
  images gateway console worker
  benchmarks gateway
  step "the Kubernetes base under podman, rolled out under 200 streams" rollout-test rollout_test
  cat "$logs/rollout-test.log"
}
rollout_test() {
  ROLLOUT_CLASS_PATH=$(bench_class_path gateway) SWITCHBOARD_ROLLOUT_TEST="${SWITCHBOARD_ROLLOUT_TEST:-}" "$home/.ci/rollout-test"
}

# ---------------------------------------------------------------- the parts

# describe PART: its limit in seconds and its title.
describe() {
  case $1 in
    gates) say 1200 "the launcher, its help, the format of C++" ;;
    library) say 1800 "the engine library" ;;
    compile) say 1800 "Java: compiled with all checks, packaged" ;;
    engine) say 1800 "engine: gates, unit, fuzz and integration tests" ;;
    gateway-unit) say 1800 "gateway: gates, unit and fuzz tests" ;;
    gateway-[abc]) say 1800 "gateway: integration tests, share ${1#gateway-}" ;;
    simulations) say 3600 "simulations, the longest fuzz tests" ;;
    numbers) say 3600 "the same tokens in any batch and layout, and on an emulated device" ;;
    console) say 1800 "console: gates, unit and integration tests" ;;
    classes) say 3600 "${classes[*]}" ;;
    browser) say 1800 "the console in Chromium, before a real system" ;;
    timing-[123]) say 3600 "tests that judge a time, alone on the machine: turn ${1#timing-} of 3" ;;
    readme) say 900 "the first commands of README.md and its pages, as their reader runs them" ;;
    readme-whole) say 1800 "the README's commands, as its reader runs them" ;;
    docs-whole) say 7200 "the commands of the pages under docs" ;;
    native) say 1800 "native tests" ;;
    native-timing) say 600 "native tests that judge a time" ;;
    asan) say 3600 "native tests under the address and undefined-behaviour sanitizers" ;;
    tsan) say 3600 "native tests under the thread sanitizer" ;;
    compilers) say 3600 "native code and its tests with g++ 14 and clang 19" ;;
    mutations) say 7200 "CUDA kernels without each barrier, exchange and wait in turn, and with each mask changed" ;;
    kernels) say 7200 "CUDA kernels for every device, and the pack for a machine with one" ;;
    *) return 1 ;;
  esac
}
run_part() {
  case $1 in
    gates) gates ;;
    library) native_build release switchboard switchboard_emulated ;;
    compile) maven -T 2 -DskipTests -Dexec.skip package ;;
    engine) java_tests native-engine engine '.*(Test|IT)' --exclude-tag computation --exclude-tag timing ;;
    gateway-unit) java_tests gateway unit '.*Test' --exclude-tag computation --exclude-tag timing ;;
    gateway-[abc]) java_tests gateway "${1#gateway-}" "$(gateway_share "${1#gateway-}")" --exclude-tag timing ;;
    simulations)
      java_tests native-engine computations '.*(Simulation|Fuzz)Test' --include-tag computation &&
        java_tests gateway simulations '.*Test' --include-tag computation
      ;;
    numbers) java_tests native-engine numbers '.*\.(GoldenModel|NativeDeterminism)Test' --include-tag computation && remember_green numbers ;;
    console) java_tests console all '.*(Test|IT)' --exclude-tag browser --exclude-tag timing ;;
    classes) chosen_classes ;;
    browser) java_tests console browser '.*IT' --include-tag browser ;;
    timing-[123]) timed_tests "$1" ;;
    readme) "$home/.ci/readme-test" --commands && "$home/.ci/docs-test" docs/quick-start.md ;;
    readme-whole) "$home/.ci/readme-test" ;;
    docs-whole) "$home/.ci/docs-test" --whole ;;
    native) native_tests release "${judges_no_time[@]}" && remember_green native ;;
    native-timing) native_tests release -R '^faults$' ;;
    asan | tsan) native_tests "$1" ${untimed[@]+"${untimed[@]}"} && remember_green "$1" ;;
    compilers) "$home/.ci/compile-test" ;;
    mutations) native_build release && "$home/.ci/mutation-test" ;;
    kernels) cuda_kernels && build && "$home/.ci/pack-test" ;;
  esac
}

gates() {
  local failed=0
  check_cpp_format || failed=1
  check_shell || failed=1
  "$home/.ci/help-test" || failed=1
  "$home/.ci/selftest-test" || failed=1
  return $failed
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

# ---------------------------------------------------------------- Java

# How many seeds and random inputs the commit's tests take; the others take as many as their tests say.
short=(-Dswitchboard.simulation.seeds=40 -Dswitchboard.simulation.long-seeds=8 -Dswitchboard.fuzz.schemas=2000 -Dswitchboard.fuzz.formats=2000
  -Dswitchboard.fuzz.count=20000)
breadth=()
tier=()
classes=()
# None of these lives long enough for the second compiler to pay: it took a third of the processor time.
test_java=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+EnableDynamicAgentLoading --enable-native-access=ALL-UNNAMED)
# java_tests MODULE REPORTS PATTERN OPTION...: classes of tests whose full names the pattern matches, in one JVM.
java_tests() {
  local module=$1 reports=target/test-reports/$2 pattern=$3 compiled=target/classes device=("SWITCHBOARD_CUDA_LIBRARY=${engine_library%/*}/libswitchboard_emulated.so")
  # Integration tests of the gateway start processes from its JAR, for which there is a startup cache, and say themselves which have a device.
  [[ $module != gateway || $pattern != *IT ]] || compiled=target/gateway-$version.jar device=()
  cd "$home/$module" && mkdir -p "$reports" || return
  env ${device[@]+"${device[@]}"} "$JAVA_HOME/bin/java" "${test_java[@]}" ${breadth[@]+"${breadth[@]}"} "-Dswitchboard.home=$home" \
    "-Dswitchboard.library=$engine_library" "-Djqwik.database=$reports/jqwik" -cp "target/test-classes:$compiled:$(<target/test.classpath)" \
    org.junit.platform.console.ConsoleLauncher execute --disable-banner --disable-ansi-colors --details=testfeed --scan-class-path target/test-classes \
    --include-classname "$pattern" "${@:4}" ${tier[@]+"${tier[@]}"} --reports-dir "$reports"
}
# In three shares that take about as long as each other.
gateway_share() {
  case $1 in
    a) say '.*\.boot\.[A-E][A-Za-z]*IT' ;;
    b) say '.*\.boot\.[F-Q][A-Za-z]*IT' ;;
    c) say '(.*\.boot\.[R-Z]|.*\.gateway\.(?!boot\.)[a-z.]*[A-Z])[A-Za-z0-9]*IT' ;;
  esac
}
timed_tests() { # timed_tests TURN: what is judged is most of three turns, so here nothing fails
  local module
  for module in native-engine gateway console; do java_tests "$module" "$1" '.*(Test|IT)' --include-tag timing || true; done
}
chosen_classes() {
  local class status=0
  for class in "${classes[@]}"; do java_tests "$(module_of "$class")" "only-$class" ".*\\.$class" || status=1; done
  return $status
}
module_of() { # module_of CLASS: nothing where there is no such class
  local module
  [[ $1 =~ ^[A-Z][A-Za-z0-9]*$ ]] || return 0
  for module in native-engine gateway console; do
    [[ -z $(find "$home/$module/src" -name "$1.java" -print -quit) ]] || say "$module"
  done
}
