# shellcheck shell=bash
# Logs: showing them, and keeping them from filling the disk while their programs run.

log_kept=5
logs_of() { # logs_of [-f] [WHAT]
  local what=gateway follow='' argument
  for argument; do
    case $argument in
      -f | --follow) follow=1 ;;
      *) what=$argument ;;
    esac
  done
  one_of "$what" "$(parts_of logs)" || [[ -e $logs/$what.log && $what != */* ]] || unknown_part logs "$what"
  [[ -e $logs/$what.log ]] || fail "there is no log of $what: it has not run here"
  if [[ -n $follow ]]; then
    tail -n 100 -F "$logs/$what.log" 2>/dev/null
  else
    cat "$logs/$what.log"
  fi
}
log_limit() {
  local kib=${SWITCHBOARD_LOG_KIB:-32768}
  [[ $kib =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "SWITCHBOARD_LOG_KIB needs a number of KiB above 0, not '$kib'"
  printf '%s' $((kib * 1024))
}
# turn_over FILE: FILE.1 is the newest old one. The program goes on writing to the same file, which it opened for appending, so
# what it has is copied and cut off.
turn_over() {
  local number
  for ((number = log_kept - 1; number > 0; number--)); do
    [[ ! -e $1.$number ]] || mv -f "$1.$number" "$1.$((number + 1))"
  done
  cp -p "$1" "$1.1" && : >"$1"
}
turn_over_large() { # turn_over_large BYTES
  local log
  for log in "$logs"/{gateway,console,prometheus,zipkin}.log; do
    [[ ! -e $log || $(stat -c %s "$log") -lt $1 ]] || turn_over "$log"
  done
}
# keep_logs_small PID: for as long as that gateway lives, and at once when it is gone.
keep_logs_small() {
  local limit
  limit=$(log_limit)
  (
    trap - EXIT
    trap '' INT HUP
    until ended "$1"; do
      turn_over_large "$limit"
      timeout "${SWITCHBOARD_LOG_SECONDS:-5}" tail --pid="$1" -f /dev/null || true
    done
  ) </dev/null >/dev/null 2>&1 9>&- &
}
