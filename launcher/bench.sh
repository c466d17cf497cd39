# shellcheck shell=bash
# bench and dashboards: what is measured, and what a Prometheus knows.

bench() {
  case ${1:-} in
    engine) shift && java_main native-engine bench.EngineBench "$@" ;;
    constraint) shift && java_main native-engine bench.ConstraintBench "$@" ;;
    gateway) shift && java_main gateway gateway.bench.GatewayBench "$@" ;;
    chaos) shift && java_main gateway gateway.bench.ChaosBench "$@" ;;
    why) shift && java_main gateway gateway.bench.WhyBench "$@" ;;
    tail) shift && java_main gateway gateway.bench.TailBench "$@" ;;
    fleet) shift && java_main gateway gateway.bench.FleetPageBench "$@" ;;
    console)
      shift
      install_missing console
      build
      step "the console's tests" console-build console_tests_build
      console_bench "$@"
      ;;
    discovery) shift && java_main gateway gateway.bench.DiscoveryBench "$@" ;;
    dispatch)
      shift
      install_missing
      step "simulator" dispatch-build dispatch_build
      simulation DispatchSimulation "$@"
      ;;
    scaling)
      shift
      install_missing
      step "simulator" dispatch-build dispatch_build
      simulation ScalingSimulation "$@"
      ;;
    telemetry)
      shift
      install_missing bench
      build
      step "native benchmarks" bench-build bench_build
      java_main gateway gateway.bench.TelemetryBench --native-bench "$home/native-engine/build/release/sb_bench" "$@"
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
      step "benchmarks" bench-build jmh_build
      jmh StepBenchmark "$@"
      ;;
    *) fail "bench what? engine (tokens per second through the whole engine), gateway (what it adds to a worker), chaos (whether anybody notices what breaks), why (whether explanations name the culprit), tail (what listing and following requests costs), telemetry (what it costs to be watched), dispatch (how requests are shared out among engines), scaling (which rule of scaling misses least), fleet (what a page of many replicas takes), console (what that page takes in a browser), discovery (what a thousand endpoints cost), kernels (one operation at a time), constraint (what a mask costs) or step (what a step costs beside its computing)" ;;
  esac
}
java_main() { # java_main MODULE CLASS ARGUMENT...
  install_missing
  build
  "$JAVA_HOME/bin/java" --enable-native-access=ALL-UNNAMED -Dswitchboard.home="$home" \
    -Dswitchboard.library="$home/native-engine/build/release/libswitchboard.so" \
    -cp "$home/$1/target/$1-$version.jar:$home/$1/target/lib/*" \
    "dev.switchboard.$2" "${@:3}"
}
# From the Prometheus beside the gateway, unless another one is named.
dashboards() {
  ! beside prometheus || [[ " $*" == *" --prometheus"* ]] || set -- --prometheus "http://localhost:$prometheus_port" "$@"
  java_main gateway gateway.dashboards.DashboardsCommand "$@"
}
# The simulator is among the tests, so this runs from the test class path.
dispatch_build() {
  library && maven -pl gateway -am -Dspotless.check.skip=true -Dswitchboard.native.tests=OFF process-test-classes
}
simulation() { # simulation CLASS ARGUMENT...
  "$JAVA_HOME/bin/java" -XX:+UseSerialGC --enable-native-access=ALL-UNNAMED -Dswitchboard.home="$home" \
    -cp "$home/gateway/target/test-classes:$home/gateway/target/classes:$(<"$home/gateway/target/test.classpath")" \
    "dev.switchboard.gateway.simulation.$1" "${@:2}"
}
console_tests_build() {
  maven -pl console -Dspotless.check.skip=true process-test-classes
}
console_bench() { # console_bench [page] [sessions] | screenshots FOLDER [SECONDS [VIEW...]]
  local run=(PageBench "$@")
  if [[ ${1:-} == screenshots ]]; then
    (($# > 1)) || fail "bench console screenshots wants a folder"
    run=(Screenshots "$(realpath -m "$2")" "${3:-120}" "${@:4}")
  elif [[ -n ${1:-} && $1 != page && $1 != sessions ]]; then
    fail "bench console knows page, sessions and screenshots, not '$1'"
  fi
  (cd "$home/console" && exec "$JAVA_HOME/bin/java" -XX:+UseSerialGC -Dswitchboard.home="$home" \
    -Dswitchboard.library="$home/native-engine/build/release/libswitchboard.so" \
    -cp "target/test-classes:target/classes:$(<target/test.classpath)" "dev.switchboard.console.${run[0]}" "${run[@]:1}")
}
jmh_build() {
  library && maven -pl native-engine -Dspotless.check.skip=true -Dswitchboard.native.tests=OFF process-test-classes
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
bench_build() { cmake --preset release -S "$home/native-engine" -DSB_BENCH=ON && cmake --build "$home/native-engine/build/release" --target sb_bench; }
