# shellcheck shell=bash
# What a service manager wants of a gateway in the foreground: to be told when it is ready, and one process that lasts while versions
# change.

tell_manager() { # tell_manager OPTION...: of systemd-notify
  [[ -z ${NOTIFY_SOCKET:-} ]] || systemd-notify "$@" || say "the service manager cannot be told: $*" >&2
}
follow_log() {
  tail -n 0 -F --pid="$gateway" "$logs/gateway.log" 2>/dev/null &
  children=() # the one before ends with its gateway
  child "$!"
}
# The end of the gateway, with its status where it is a child. A signal's trap ends a wait before its time.
await_end() {
  local status awaited=$gateway
  ending=''
  while :; do
    status=0
    wait "$awaited" 2>/dev/null || status=$?
    if ((status == 127)); then # not a child: another launcher started it
      tail -f --pid="$awaited" /dev/null &
      wait "$!" || true
    fi
    ended "$awaited" || continue
    ((status != 127)) || { status=0 && last_word || status=$?; }
    return "$status"
  done
}
# Of another launcher's gateway nobody here learns the status; one that stopped as it was told says so last.
last_word() {
  [[ $(tail -n 1 "$run/events.jsonl" 2>/dev/null) != *'"event":"stopped"'* ]] || return 0
  ending=' without a word'
  return 1
}
# SIGUSR1: the version that this launcher's path leads to by now takes over, in the same service.
hand_over() {
  local next
  say "Handing over to $installed/switchboard"
  tell_manager --status="Hands over to another version"
  "$installed/switchboard" restart || say "not handed over$(! gateway_pid >/dev/null || printf '; the gateway goes on')" >&2
  ! next=$(gateway_pid) || gateway=$next
  tell_manager --status="$(serves_or_not)"
}
# As it was when the gateway was ready; what it serves by now, ./switchboard status says.
serves_or_not() {
  if [[ $(ready_line) == *'"serves":false'* ]]; then printf 'Started, and served no model yet then'; else printf Serves; fi
}
