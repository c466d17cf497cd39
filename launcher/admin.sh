# shellcheck shell=bash
# Commands that ask the admin API of the gateway that runs.

# ask COMMAND ARGUMENT...: the program of the admin commands, told where the gateway that runs listens.
ask() {
  local java ready colour=()
  exit_status=0
  gateway_pid >/dev/null || nothing_runs
  ready=$(ready_line)
  [[ -n $ready ]] || fail "the gateway starts; ./switchboard logs says how far it is"
  java=$(find_java)
  [[ -n $java ]] || fail "no JDK $java_major found; ./switchboard doctor says what is missing"
  [[ -z $fancy ]] || colour=(--colour)
  "$java/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx96m "-Dswitchboard.home=$home" -cp "$class_path" \
    dev.switchboard.gateway.cli.AdminMain --admin "$(field admin "$ready")" --api "$(field api "$ready")" \
    --certificate "$(field certificate "$ready")" ${colour[@]+"${colour[@]}"} "$@" || exit_status=$?
  return "$exit_status"
}
diagnostics() { # diagnostics [FILE]
  check_words diagnostics 0 1 '' "$@"
  ask diagnostics "${1:-switchboard-diagnostics-$(date -u +%Y%m%dT%H%M%SZ).zip}"
}
config() {
  install_missing
  build >&2
  "$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dswitchboard.home="$home" -cp "$class_path" \
    dev.switchboard.gateway.boot.ConfigMain "$@"
}
keys() { # keys PART ARGUMENT...
  case $1 in
    create)
      without_words keys/create "${@:2}"
      [[ " ${*:2}" == *" --name"* ]] || usage_error "keys create needs --name NAME; ./switchboard keys create --help"
      ;;
    list) without_words keys/list "${@:2}" ;;
    revoke) check_words keys/revoke 1 1 'the id of a key' "${@:2}" ;;
  esac
  ask keys "$@"
}
