# shellcheck shell=bash
# The build, and what a JVM learns once for the starts to come.

# A checkout that was moved or copied since its build has the former place in what was built.
moved() { [[ -s $built && $(<"$built") != "$home" ]] || [[ -n $(foreign_caches) ]]; }
foreign_caches() {
  local cache
  for cache in "$home"/native-engine/build/*/CMakeCache.txt; do
    [[ ! -e $cache ]] || grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$home/native-engine" "$cache" || dirname "$cache"
  done
}
forget_the_former_place() {
  local folder
  while IFS= read -r folder; do rm -rf "$folder"; done < <(foreign_caches)
  rm -f "$worker_cache" "$gateway_cache" "$home"/*/target/test.classpath
}
# Sources newer than the last good build; a directory's own time tells of deleted files.
stale() {
  ! moved || return 0
  [[ -e $built && -e $home/native-engine/build/release/libswitchboard.so ]] || return 0
  [[ -z $(find "$built" -newermt now) ]] || return 0 # the clock was set back: what was edited since looks older
  [[ -n $(cd "$home" && find pom.xml .mvn native-engine/pom.xml native-engine/CMakeLists.txt native-engine/CMakePresets.json \
    native-engine/src/main native-engine/src/generated gateway/pom.xml gateway/src/main console/pom.xml console/src/main -newer "$built" -print -quit 2>/dev/null) ]]
}
# The folders of other presets are the tests', unless the build deletes them.
may_build() {
  local native=$home/native-engine/build
  [[ ! -d $native/release ]] || moved || native+=/release
  may_write "$state" "$native" "$home"/*/target
}
# A build is as old as its beginning: what is edited while it runs is not in it.
build_begins() { own_folders && : >"$built.begun"; }
build_succeeds() {
  say "$home" >"$built.place"
  touch -r "$built.begun" "$built.place"
  mv "$built.place" "$built"
  rm -f "$built.begun"
}
# Maven writes into a jar where it lies, and a JVM that runs finds its classes by their places in it: it keeps the file that it has open, and
# what is written into is a copy under its name.
leave_jars_to_running() {
  local jar
  for jar in "$home"/{native-engine,gateway,console}/target/{,lib/,agent/,agent/extensions/}*.jar; do
    [[ -f $jar ]] || continue
    if ! { cp -p "$jar" "$jar.copy" && mv -f "$jar.copy" "$jar"; }; then
      rm -f "$jar.copy"
      return 1
    fi
  done
}
maven() {
  leave_jars_to_running || return
  (export MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow ${MAVEN_OPTS:-}" && cd "$home" && exec mvn -B -ntp "$@")
}
library() { cd "$home/native-engine" && cmake --preset release -DSB_TESTS=OFF && cmake --build --preset release; }
build() {
  [[ $home != *:* ]] || fail "the checkout's path must not have a colon, by which Java parts class paths: $home"
  stale || return 0
  may_build
  one_build_at_a_time
  if stale; then # whoever was waited for may have built it
    say "Building$(! moved || printf ': this checkout was moved or copied')"
    ! moved || forget_the_former_place
    build_begins
    step "engine library" cmake-build library
    step "Java modules" maven-build maven -DskipTests -Dmaven.test.skip=true -Dspotless.check.skip=true -Dswitchboard.native.tests=OFF package
    step "workers' startup cache" startup-cache optional make_worker_cache
    build_succeeds
  fi
  exec 8>&-
}
# Two would write the same files. A step has the lock too, and so it holds for as long as one goes on whose launcher was killed.
one_build_at_a_time() {
  own_folders
  exec 8>>"$state/build.lock"
  flock -n 8 || say "Waiting for another build of this checkout, which goes on"
  until flock -n 8; do sleep 0.2; done
}
optional() { "$@" || say "not made; everything works without it"; }
# A JVM that remembers loaded and linked classes makes a worker ready in half the time. Its content comes from a worker
# that answers one request; the cache is tied to the class path and its files.
make_worker_cache() {
  local line port='' body='{"model":"switchboard-demo","stream":true,"messages":[{"role":"user","content":"Hello"}]}'
  local worker events answer
  rm -f "$worker_cache"
  exec {events}< <(exec env -u SWITCHBOARD_FLEET_SECRET "$JAVA_HOME/bin/java" "-XX:AOTCacheOutput=$worker_cache" "${worker_java[@]}" -cp "$worker_class_path" \
    dev.switchboard.worker.WorkerMain --library "$engine_library" --model "$demo_model")
  worker=$!
  while IFS= read -r -t 120 -u "$events" line; do
    say "$line"
    case $line in
      *'"event":"listening"'*) port=$(field port "$line") ;;
      *'"event":"ready"'*) break ;;
    esac
  done
  [[ -n $port ]] && exec {answer}<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" >&"$answer"
  timeout 30 cat <&"$answer"
  kill "$worker"
  timeout 120 cat <&"$events"
  [[ -s $worker_cache ]]
}

# Where what was built lies; a package has other places.
engine_library=$home/native-engine/build/release/libswitchboard.so
demo_model=$home/native-engine/demo-model/switchboard-demo.gguf
gateway_options=(@"$home/gateway/jvm.options")
console_options=(@"$home/console/jvm.options")
agent_folder=$home/gateway/target/agent
agent_settings=$home/otel/agent.properties
class_path="$home/gateway/target/gateway-$version.jar:$home/gateway/target/lib/*"
worker_class_path="$home/native-engine/target/native-engine-$version.jar:$home/native-engine/target/lib/*"
console_class_path="$home/console/target/console-$version.jar:$home/console/target/lib/*"
worker_java=(-Xmx288m --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError) # as workers.heap-mb and workers.java-options

# A JVM that remembers loaded classes and which code is hot compiles that first. Its content comes from a gateway that serves nobody and warms
# itself up; the cache is tied to the class path and its files. Made beside a gateway that runs, with the processor time that nobody else wants.
learn_in_background() {
  agent || [[ -s $gateway_cache && $gateway_cache -nt $built ]] ||
    (trap '' HUP && make_gateway_cache) >"$logs/gateway-cache.log" 2>&1 </dev/null &
}
make_gateway_cache() {
  local folder gateway events line lock
  exec {lock}>"$state/gateway-cache.lock" && flock -n "$lock" || return 0
  folder=$(mktemp -d "$state/learning.XXXXXX")
  printf '%s\n' 'http: {port: 0}' 'admin: {port: 0}' 'upstreams: [{url: "http://127.0.0.1:9", models: [none]}]' >"$folder/config.yaml"
  exec {events}< <(exec nice -n 19 env -u SWITCHBOARD_FLEET_SECRET "$JAVA_HOME/bin/java" "${gateway_options[@]}" -Dswitchboard.home="$home" \
    "-Dswitchboard.state=$folder" "-XX:AOTCacheOutput=$folder/gateway.aot" -cp "$class_path" \
    dev.switchboard.gateway.boot.GatewayMain --config "$folder/config.yaml")
  gateway=$!
  while IFS= read -r -t 600 -u "$events" line && [[ $line != *'"event":"warm"'* ]]; do say "$line"; done
  kill "$gateway" || true
  timeout 300 cat <&"$events" || true # until the cache is written
  [[ ! -s $folder/gateway.aot ]] || mv "$folder/gateway.aot" "$gateway_cache"
  rm -rf "$folder"
}
