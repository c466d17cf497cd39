# shellcheck shell=bash
# status: whether the gateway runs, where, and what it serves.

status() { # status [--json]
  local pid
  if ! pid=$(gateway_pid); then
    if [[ ${1:-} == --json ]]; then say '{"running":false}'; else say "Not running"; fi
    return 3
  fi
  if [[ ${1:-} == --json ]]; then
    ask status --pid "$pid" --json
    return
  fi
  brief "$pid"
  # It runs, whether or not its admin API tells this caller more.
  [[ -z $(ready_line) ]] || ask status --pid "$pid" || true
}
brief() { # brief PID: one line
  local ready
  ready=$(ready_line)
  if [[ -n $ready ]]; then say "Running (pid $1), API $(field api "$ready")"; else say "Starting (pid $1); ./switchboard logs says how far it is"; fi
}
