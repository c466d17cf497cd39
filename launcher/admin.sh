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
admin_api() { # admin_api METHOD PATH [BODY]: prints the answer; fails with the error's message
  local answer status failed=0
  gateway_pid >/dev/null || nothing_runs
  command -v curl >/dev/null || fail "curl is needed for this"
  # The key goes through standard input, since a command line can be read by every user of the machine.
  answer=$(printf 'header = "Authorization: Bearer %s"' "${SWITCHBOARD_ADMIN_KEY:-none}" |
    curl -sS -K - ${SWITCHBOARD_ADMIN_CA:+--cacert "$SWITCHBOARD_ADMIN_CA"} \
      ${SWITCHBOARD_ADMIN_CERTIFICATE:+--cert "$SWITCHBOARD_ADMIN_CERTIFICATE"} ${save_to:+-o "$save_to"} -w '\n%{http_code}' -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} \
      "$(field admin "$(ready_line)")/admin/v1/$2" 2>&1) || failed=$?
  case $failed in
    0) ;;
    60) fail "the admin API's certificate is not trusted; SWITCHBOARD_ADMIN_CA names what it leads to" ;;
    35 | 55 | 56) fail "the admin API closed the connection; where it asks for a certificate SWITCHBOARD_ADMIN_CERTIFICATE names one" ;;
    *) fail "the admin API does not answer: $(grep -m 1 '^curl:' <<<"$answer")" ;;
  esac
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  [[ -z ${save_to:-} || $status == 2* ]] || answer=$(head -c 65536 "$save_to")
  [[ $status == 2* ]] || fail "$(field message "$answer")"
  say "$answer"
}
diagnostics() { # the archive is kept by admin_api's curl, which is told so by a variable
  local file=${1:-switchboard-diagnostics-$(date -u +%Y%m%dT%H%M%SZ).zip} partial
  [[ $# -le 1 && $file != -* ]] || fail "diagnostics takes one file; ./switchboard diagnostics --help"
  [[ ! -e $file ]] || fail "$file is there already"
  partial=$(umask 077 && mktemp "$file.XXXXXX") || fail "cannot write $file"
  if (save_to=$partial admin_api POST diagnostics >/dev/null); then
    mv "$partial" "$file"
    say "$file"
  else
    rm -f "$partial"
    return 1
  fi
}
config() {
  install_missing
  build >&2
  "$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dswitchboard.home="$home" -cp "$class_path" \
    dev.switchboard.gateway.boot.ConfigMain "$@"
}
keys() {
  case ${1:-} in
    create | list | revoke) ask keys "$@" ;;
    *) unknown_part keys "${1:-}" ;;
  esac
}
