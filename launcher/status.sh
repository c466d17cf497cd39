# shellcheck shell=bash
# Whether the gateway runs.

status() {
  local pid
  if pid=$(gateway_pid); then
    say "Running (pid $pid), API $(field api "$(grep '"event":"ready"' "$run/events.jsonl" | tail -n 1)")"
  else
    say "Not running"
    return 3
  fi
}
