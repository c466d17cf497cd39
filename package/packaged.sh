# shellcheck shell=bash
# shellcheck disable=SC2034,SC2178 # what is set here, the launcher's parts read
# What differs in an unpacked package, sourced after the launcher's parts: the places, and that nothing is installed or built. The
# folder may be read-only and may be moved; all that is written goes to one state folder, which versions share.

read -r version <"$home/VERSION"
case " ${*:---help} " in
  ' help '* | ' -h '* | ' -V '* | *' --help '* | *' -h '* | *' --version '* | *' -V '*) ;; # what is only said needs no folder
  *) [[ -n ${SWITCHBOARD_STATE:-}${XDG_STATE_HOME:-}${HOME:-} ]] || fail "SWITCHBOARD_STATE must name a folder for keys and logs: HOME is not set" ;;
esac
[[ $home != *:* ]] || fail "the folder's path must not have a colon, by which Java parts class paths: $home"
state=${SWITCHBOARD_STATE:-${XDG_STATE_HOME:-${HOME:-}/.local/state}/switchboard}
state=$(realpath -sm -- "$state") # as commands of other folders and spellings call it too
data=$(realpath -sm -- "${SWITCHBOARD_DATA:-$state/data}")
logs=$state/log
run=$state/run
built=$state/built
worker_cache=$home/cache/worker.aot
gateway_cache=$home/cache/gateway.aot
prometheus_port=$(recorded prometheus.port 9090)
zipkin_port=$(recorded zipkin.port 9411)
console_port=$(recorded console.port 9902)

class_path_of() { # class_path_of COMPONENT: in the order that its cache was made with
  local name path=''
  while IFS= read -r name; do path+=:$home/lib/$name; done <"$home/classpath/$1"
  printf '%s' "${path#:}"
}
engine_library=$home/native/libswitchboard.so
demo_model=$home/models/switchboard-demo.gguf
# Netty's library lies in native, so that the folder for temporary files may be noexec.
gateway_options=(@"$home/options/gateway" "-Djava.library.path=$home/native")
console_options=(@"$home/options/console")
agent_folder=$home/agent
agent_settings=$home/agent/agent.properties
class_path=$(class_path_of gateway)
worker_class_path=$(class_path_of worker)
console_class_path=$(class_path_of console)

# The C++ runtime, where the system has none: a Debian without apt.
if [[ ! -e /usr/lib/$(uname -m)-linux-gnu/libstdc++.so.6 && ! -e /usr/lib64/libstdc++.so.6 ]]; then
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$home/native/fallback
fi

# Without traces to export the agent would take time of the start and of each request, and gateway.aot could not be used beside it.
agent() { [[ ${SWITCHBOARD_AGENT:-} == on || (-n $(exporters_of_environment) && ${SWITCHBOARD_AGENT:-} != off) ]]; }
find_java() { printf '%s' "$home/java"; }
install_missing() { export JAVA_HOME=$home/java; }
stale() { return 1; }
build() { :; }
learn_in_background() { :; }
commit_of_this() { sed -n 2p "$home/VERSION"; }
say_version() { say "switchboard $version ($(commit_of_this))"; }
# Another version may have started it: the state folder is what makes it this installation's.
is_gateway_of_this() { started_with "$1" state "$data"; }
nothing_runs() {
  exit_status=3
  fail "no gateway with its state in $state runs; ./switchboard up starts one"
}
options_of() { install_missing && say && "$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$class_path" "dev.switchboard.$2" --help; }
options_of_bench() { needs_checkout bench; }
config() {
  install_missing
  "$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dswitchboard.home="$home" "-Dswitchboard.demo-model=$demo_model" -cp "$class_path" \
    dev.switchboard.gateway.boot.ConfigMain "$@"
}
tools_for_building() { check ok package "$version, $(commit_of_this); the state is in $state"; }

state_of_build() { :; }
disk_of_this() { mkdir -p "$state" && printf '%s' "$state"; }

needs_checkout() { # needs_checkout COMMAND
  exit_status=2
  fail "$1 needs a checkout of the sources, and this is the package of version $version"
}
fetch_zipkin() { needs_checkout "--with zipkin"; }
case ${1:-} in
  build | test | bench | images | package | dashboards) asks_help "$@" || asks_version "$@" || needs_checkout "$1" ;;
esac
