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
# what it has is copied and cut off. Where the copy has no room, the oldest ones make way; where that is not enough, it is lost.
turn_over() {
  local number bytes
  for ((number = log_kept - 1; number > 0; number--)); do
    [[ ! -e $1.$number ]] || mv -f "$1.$number" "$1.$((number + 1))"
  done
  for ((number = log_kept; number > 0; number--)); do
    ! cp -p "$1" "$1.1" 2>/dev/null || { : >"$1" && return; }
    rm -f "$1.1" "$1.$number"
  done
  bytes=$(stat -c %s "$1")
  : >"$1"
  log_line "$1" "lines_lost bytes=$bytes no room to keep them" || true
}
log_line() { printf '%s WARN  launcher %s\n' "$(now_as_logged)" "$2" 2>/dev/null >>"$1"; } # log_line FILE TEXT
now_as_logged() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
# look_after_logs BYTES: what is larger is turned over. Lines for which the disk has no room are lost, and the log says that there may be such
# once there is room again. Only writing tells: there are quotas, and blocks for root alone.
full_since=''
look_after_logs() {
  local log told=1 room=''
  ! { printf '%4096s' '' >"$logs/.room"; } 2>/dev/null || room=1
  rm -f "$logs/.room"
  [[ -n $room ]] || full_since=${full_since:-$(now_as_logged)}
  for log in "$logs"/{gateway,console,prometheus,zipkin}.log; do
    [[ -e $log ]] || continue
    (($(stat -c %s "$log") < $1)) || turn_over "$log"
    [[ -z $room || -z $full_since ]] || log_line "$log" "lines_may_be_lost disk_full_since=$full_since" || told=''
  done
  [[ -z $room || -z $told ]] || full_since=''
}
# keep_logs_small PID: for as long as that gateway lives, and at once when it is gone. Nothing that fails ends it.
keep_logs_small() {
  local limit
  limit=$(log_limit)
  (
    trap - EXIT
    trap '' INT HUP
    until ended "$1"; do
      look_after_logs "$limit" || true
      timeout "${SWITCHBOARD_LOG_SECONDS:-5}" tail --pid="$1" -f /dev/null || true
    done
  ) </dev/null >/dev/null 2>&1 9>&- &
}
