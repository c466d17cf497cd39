# shellcheck shell=bash
# What a service manager wants of a gateway in the foreground: to be told when it is ready, and one process that lasts while versions
# change.

tell_manager() { # tell_manager OPTION...: of systemd-notify
  [[ -z ${NOTIFY_SOCKET:-} ]] || systemd-notify "$@" || say "the service manager cannot be told: $*" >&2
}
follow_log() {
  tail -n 0 -F --pid="$gateway" "$logs/gateway.log" 2>/dev/null &
  children+=("$!")
}
# The end of the gateway, with its status where it is a child. Of another launcher's nobody here learns the status; one that stopped as it
# was told says so last. A signal's trap ends a wait before its time.
await_end() {
  local status=0 awaited=$gateway
  ending=''
  while :; do
    status=0
    wait "$awaited" 2>/dev/null || status=$?
    ! ended "$awaited" || return "$status"
    ((status == 127)) || continue # not a child: another launcher started it
    tail -f --pid="$awaited" /dev/null &
    wait "$!" || true
    ended "$awaited" || continue
    [[ $(tail -n 1 "$run/events.jsonl" 2>/dev/null) != *'"event":"stopped"'* ]] || return 0
    ending=' without a word'
    return 1
  done
}
# SIGUSR1: the version that this launcher's path leads to by now takes over, in the same service.
hand_over() {
  say "Handing over to ${installed:-$home}/switchboard"
  tell_manager --status="Hands over to another version"
  "${installed:-$home}/switchboard" restart || say "not handed over; the gateway goes on" >&2
  gateway=$(gateway_pid) || true
  tell_manager --status="Serves"
}
