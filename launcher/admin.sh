# shellcheck shell=bash
# Commands that ask the admin API of the gateway that runs.

# Words only, so that they need no quoting in JSON; the gateway checks them again.
word() {
  [[ $2 =~ ^[A-Za-z0-9._-]{1,64}$ ]] || fail "$1 may hold 1 to 64 letters, digits and . _ - only"
  printf '%s' "$2"
}
admin_api() { # admin_api METHOD PATH [BODY]: prints the answer; fails with the error's message
  local answer status failed=0
  gateway_pid >/dev/null || fail "no gateway of this checkout runs; ./switchboard up starts one"
  command -v curl >/dev/null || fail "curl is needed for this"
  # The key goes through standard input, since a command line can be read by every user of the machine.
  answer=$(printf 'header = "Authorization: Bearer %s"' "${SWITCHBOARD_ADMIN_KEY:-none}" |
    curl -sS -K - ${SWITCHBOARD_ADMIN_CA:+--cacert "$SWITCHBOARD_ADMIN_CA"} \
      ${SWITCHBOARD_ADMIN_CERTIFICATE:+--cert "$SWITCHBOARD_ADMIN_CERTIFICATE"} ${save_to:+-o "$save_to"} -w '\n%{http_code}' -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} \
      "$(field admin "$(grep '"event":"ready"' "$run/events.jsonl" | tail -n 1)")/admin/v1/$2" 2>&1) || failed=$?
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
reload() { admin_api POST config/reload; }
why() {
  local id answer json=''
  [[ ${1:-} != --json ]] || { json=1 && shift; }
  (($# == 1)) || fail "why needs the id of one request, as its header X-Request-Id says; ./switchboard why --help"
  id=$(word "the id" "$1")
  answer=$(admin_api GET "requests/$id/explain")
  [[ -n $json ]] || say "$(field text "$answer")"
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
  local verb=${1:-} body='' answer
  shift || true
  case $verb in
    create)
      while (($#)); do
        (($# > 1)) || fail "$1 needs a value"
        case $1 in
          --name | --tenant | --role) body+=",\"${1#--}\":\"$(word "$1" "$2")\"" ;;
          --expires-in) [[ $2 =~ ^[0-9]+$ ]] || fail "--expires-in needs seconds"; body+=",\"expires_in_seconds\":$2" ;;
          *) fail "unknown option: $1" ;;
        esac
        shift 2
      done
      [[ $body == *'"name"'* ]] || fail "--name is missing"
      answer=$(admin_api POST keys "{${body#,}}")
      say "$(field key "$answer")"
      say "  ${dim}$(field id "$answer"), tenant $(field tenant "$answer"), role $(field role "$answer"); it is shown this once${off}" >&2
      ;;
    list) admin_api GET keys?limit=1000 ;;
    revoke) admin_api DELETE "keys/$(word "the id" "${1:-}")" ;;
    *) fail "keys what? create, list or revoke; ./switchboard keys --help" ;;
  esac
}
