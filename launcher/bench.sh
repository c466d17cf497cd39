# shellcheck shell=bash
# bench and dashboards: what is measured, and what a Prometheus knows.

bench() {
  case ${1:-} in
    engine) shift && bench_main native-engine bench.EngineBench "$@" ;;
    constraint)
      shift
      if [[ " $*" == *" --schemas"* ]]; then schema_answers "$@"; else bench_main native-engine bench.ConstraintBench "$@"; fi
      ;;
    gateway) shift && bench_main gateway gateway.bench.GatewayBench "$@" ;;
    exemplars)
      shift
      gateway_pid >/dev/null || nothing_runs
      bench_main gateway gateway.bench.ExemplarBench --url "$(field api "$(ready_line)")" --admin "$(field admin "$(ready_line)")" \
        --zipkin "http://127.0.0.1:$zipkin_port" "$@"
      ;;
    serving)
      shift
      ! gateway_pid >/dev/null || set -- --url "$(field api "$(ready_line)")" "$@"
      bench_main gateway gateway.bench.ServingBench "$@"
      ;;
    chaos)
      shift
      install_missing chaos
      bench_main gateway gateway.bench.ChaosBench "$@"
      ;;
    why) shift && bench_main gateway gateway.bench.WhyBench "$@" ;;
    tail) shift && bench_main gateway gateway.bench.TailBench "$@" ;;
    fleet) shift && bench_main gateway gateway.bench.FleetPageBench "$@" ;;
    console)
      shift
      check_console_bench "$@"
      install_missing console
      build
      benchmarks console
      console_bench "$@"
      ;;
    discovery) shift && bench_main gateway gateway.bench.DiscoveryBench "$@" ;;
    dispatch) shift && bench_main gateway gateway.simulation.DispatchSimulation "$@" ;;
    scaling) shift && bench_main gateway gateway.simulation.ScalingSimulation "$@" ;;
    telemetry)
      shift
      install_missing bench
      build
      step "native benchmarks" native-bench-build bench_build
      bench_main gateway gateway.bench.TelemetryBench --native-bench "$home/native-engine/build/release/sb_bench" "$@"
      ;;
    kernels)
      shift
      install_missing bench
      step "kernel benchmarks" bench-build bench_build
      "$home/native-engine/build/release/sb_bench" "$@"
      ;;
    step)
      shift
      install_missing
      benchmarks native-engine
      jmh StepBenchmark "$@"
      ;;
  esac
}
# Benchmarks are among the tests, so that nothing of them is in what serves; it is what was built that they measure.
bench_main() { # bench_main MODULE CLASS ARGUMENT...
  install_missing
  build
  benchmarks "$1"
  "$JAVA_HOME/bin/java" --enable-native-access=ALL-UNNAMED -Dswitchboard.home="$home" \
    -Dswitchboard.library="$home/native-engine/build/release/libswitchboard.so" -cp "$(bench_class_path "$1")" "dev.switchboard.$2" "${@:3}"
}
bench_class_path() { printf '%s' "$home/$1/target/$1-$version.jar:$home/$1/target/lib/*:$home/$1/target/test-classes:$(cat "$home/$1/target/test.classpath" 2>/dev/null)"; }
benchmarks() { ! tests_stale "$1" || step "benchmarks" bench-build bench_classes "$1"; } # benchmarks MODULE
# The gateway's have the engine's among them.
tests_stale() {
  [[ ! -e $home/$1/target/benchmarks.built ||
    -n $(find "$home/pom.xml" "$home/$1/pom.xml" "$home/$1/src" "$home/native-engine/src" -newer "$home/$1/target/benchmarks.built" -print -quit) ]]
}
bench_classes() {
  mkdir -p "$home/$1/target" && : >"$home/$1/target/benchmarks.begun"
  maven -pl "$1" -am -Dspotless.check.skip=true -Dswitchboard.native.tests=OFF process-test-classes &&
    mv "$home/$1/target/benchmarks.begun" "$home/$1/target/benchmarks.built"
}
# From the Prometheus beside the gateway, unless another one is named.
dashboards() {
  ! beside prometheus || [[ " $*" == *" --prometheus"* ]] || set -- --prometheus "http://localhost:$prometheus_port" "$@"
  bench_main gateway gateway.dashboards.DashboardsCommand "$@"
}
# What it takes is checked before anything is built for it.
check_console_bench() {
  case ${1:-} in
    '' | page | sessions | up) ;;
    screenshots) (($# > 1)) || usage_error "bench console screenshots needs a folder" ;;
    *) usage_error "bench console knows page, sessions, up and screenshots, not '$1'$(did_you_mean "$1" page sessions up screenshots)" ;;
  esac
}
console_bench() { # console_bench [page] [sessions] [up] | screenshots FOLDER [SECONDS [VIEW...]]
  local run=(PageBench "$@")
  [[ ${1:-} != screenshots ]] || run=(Screenshots "$(realpath -m "$2")" "${3:-120}" "${@:4}")
  (cd "$home/console" && exec "$JAVA_HOME/bin/java" -XX:+UseSerialGC -Dswitchboard.home="$home" \
    -Dswitchboard.library="$home/native-engine/build/release/libswitchboard.so" \
    -cp "target/test-classes:target/classes:$(<target/test.classpath)" "dev.switchboard.console.${run[0]}" "${run[@]:1}")
}
jmh() { # jmh BENCHMARK [--json FILE] [JMH-OPTION...]
  local benchmark=$1 json=()
  shift
  if [[ ${1:-} == --json ]]; then
    (($# > 1)) || fail "--json wants a file"
    json=(-rf json -rff "$(realpath -m "$2")")
    shift 2
  fi
  (cd "$home/native-engine" && exec "$JAVA_HOME/bin/java" --enable-native-access=ALL-UNNAMED \
    -Dswitchboard.library=build/release/libswitchboard.so \
    -cp "target/test-classes:target/classes:$(<target/test.classpath)" \
    org.openjdk.jmh.Main "$benchmark" ${json[@]+"${json[@]}"} "$@")
}
# Answers under every schema that is accepted, judged by two validators that others wrote.
schema_answers() {
  local answers=$home/native-engine/target/answers.jsonl validators=$home/native-engine/target/validators status=0 given
  for ((given = 1; given <= $#; given++)); do
    [[ ${!given} != --answers-to=* ]] || answers=${!given#*=}
    [[ ${!given} != --answers-to ]] || { ((given++)) && answers=${!given}; }
  done
  [[ " $*" == *" --answers-to"* ]] || set -- "$@" --answers-to "$answers"
  install_missing validators
  step "validators" validators-install validators_install "$validators"
  bench_main native-engine bench.ConstraintBench "$@" || status=$?
  ((status < 2)) || return $status
  say
  /usr/bin/python3 "$home/launcher/validators/judge.py" "$answers" || status=$?
  NODE_PATH=$validators/node_modules node "$home/launcher/validators/judge.js" "$answers" || status=$?
  return $status
}
validators_install() { # validators_install FOLDER: once
  [[ -e $1/node_modules/ajv-draft-04 ]] ||
    npm install --prefix "$1" --no-fund --no-audit --ignore-scripts ajv@8.20.0 ajv-formats@3.0.1 ajv-draft-04@1.0.0
}
bench_build() { cmake --preset release -S "$home/native-engine" -DSB_BENCH=ON && cmake --build "$home/native-engine/build/release" --target sb_bench; }
