# shellcheck shell=bash
# up, restart and down.

up() {
  local detached='' arguments=() pid with=',console'
  while (($#)); do
    case $1 in
      -d | --detach) detached=1 ;;
      --with)
        (($# > 1)) || fail "--with needs prometheus, zipkin or both with a comma between"
        with+=,$2
        shift
        ;;
      --with=*) with+=,${1#*=} ;;
      --without=console) with=${with/,console/} ;;
      --without)
        [[ ${2:-} == console ]] || fail "--without knows console only"
        with=${with/,console/}
        shift
        ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  if pid=$(gateway_pid); then fail "already running (pid $pid); ./switchboard down stops it"; fi
  local begun=$SECONDS
  stop_companions # what a gateway that died left
  check_companions "$with"
  require_agent "$with"
  install_missing
  build
  own_folders
  say "$with" >"$run/with"
  say "$prometheus_port" >"$run/prometheus.port"
  say "$zipkin_port" >"$run/zipkin.port"
  say "$console_port" >"$run/console.port"
  ! beside zipkin || fetch_zipkin
  say "Starting"
  ! beside zipkin || start_zipkin
  start_gateway ${arguments[@]+"${arguments[@]}"}
  remember_arguments ${arguments[@]+"${arguments[@]}"}
  trap interrupted INT
  trap 'stop_gateway "$gateway"; stop_companions; exit 143' TERM HUP
  if ! await_ready; then
    stop_gateway "$gateway"
    stop_companions
    fail "not started: $failure"
  fi
  ! beside prometheus || start_prometheus
  ! beside console || start_console
  if ! await_companions; then
    stop_gateway "$gateway"
    stop_companions
    fail "not started: $failure"
  fi
  announce $((SECONDS - begun))
  learn_in_background
  [[ -n $detached ]] && return
  follow
}
# The first Ctrl-C lets running streams finish, the second does not; workers follow the gateway's end.
interrupted() {
  settled
  say "Stopping; Ctrl-C again stops at once"
  trap 'settled; kill -KILL "$gateway" 2>/dev/null; forget_gateway "$gateway"; stop_companions; exit 130' INT
  stop_gateway "$gateway"
  stop_companions
  exit 130
}
announce() {
  local api admin line
  api=$(field api "$ready_event") admin=$(field admin "$ready_event")
  say
  if [[ $ready_event == *'"serves":false'* ]]; then
    say "${bold}Switchboard listens, and serves no model yet${off} ${dim}($1 s)${off}"
  else
    say "${bold}Switchboard is ready${off} ${dim}($1 s)${off}"
  fi
  for line in ${not_serving[@]+"${not_serving[@]}"}; do say "  ${yellow}not yet${off}  $line"; done
  say "  API      $api/v1"
  say "  admin    $admin/admin/v1    metrics $admin/metrics"
  ! beside console || say "  console  ${console_said:-http://127.0.0.1:$console_port}"
  ! beside prometheus || say "  metrics  http://127.0.0.1:$prometheus_port    Prometheus, with the rules of dashboards/"
  ! beside zipkin || say "  traces   http://127.0.0.1:$zipkin_port/zipkin/?serviceName=switchboard-gateway"
  say "  logs     ${logs#"$home"/}/gateway.log"
  say
  say "  curl -N $api/v1/chat/completions -d '{\"model\":\"$(field model "$ready_event")\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'"
  say
}
# In the foreground: the log, until Ctrl-C or the gateway's end.
follow() {
  local status=0
  tail -n 0 -F --pid="$gateway" "$logs/gateway.log" 2>/dev/null &
  children+=("$!")
  wait "$gateway" || status=$?
  stop_children
  forget_gateway "$gateway"
  stop_companions
  exit_status=$status
  ((status == 0)) || fail "the gateway ended with status $status; see ${logs#"$home"/}/gateway.log"
}
# What is said once is not said again by restart.
remember_arguments() {
  local argument kept=()
  for argument; do [[ $argument == --accept-new-store ]] || kept+=("$argument"); done
  printf '%s\0' ${kept[@]+"${kept[@]}"} >"$run/arguments"
}

# The new gateway loads its workers beside the old one's, listens on the same ports, and is ready
# before the old one is asked to go. Until then whatever ends this ends the new one, and the old one goes on.
restart() {
  local old begun=$SECONDS arguments=()
  old=$(gateway_pid) || fail "nothing runs; ./switchboard up -d starts a gateway"
  [[ " $* " != *" --with"* ]] || fail "restart keeps what runs beside the gateway; --with belongs to up"
  if (($#)); then
    arguments=("$@")
  elif [[ -s $run/arguments ]]; then
    mapfile -d '' arguments <"$run/arguments"
    [[ -n ${arguments[0]} ]] || arguments=()
  fi
  require_agent "$(cat "$run/with" 2>/dev/null || true)"
  install_missing
  build
  say "Starting beside the gateway with pid $old"
  gateway=''
  trap 'take_back "$old" && say "Interrupted; the old gateway goes on" >&2 && exit 130' INT
  trap 'take_back "$old" && say "Ended; the old gateway goes on" >&2 && exit 143' TERM HUP
  ln -f "$run/events.jsonl" "$run/events.jsonl.old" 2>/dev/null || true
  start_gateway ${arguments[@]+"${arguments[@]}"} --take-over
  if ! await_ready; then
    take_back "$old"
    fail "not restarted, the old gateway goes on: $failure"
  fi
  trap 'settled; say "The new gateway serves; the old one ends when its streams have"; exit 130' INT TERM HUP
  kill -TERM "$old" 2>/dev/null || true
  remember_arguments ${arguments[@]+"${arguments[@]}"}
  stop_gateway "$old"
  rm -f "$run/events.jsonl.old"
  announce $((SECONDS - begun))
  learn_in_background
}
# take_back PID: ends the new gateway and makes the old one's files the current ones again.
take_back() {
  trap '' INT TERM HUP
  [[ -z $gateway ]] || stop_gateway "$gateway"
  say "$1" >"$run/gateway.pid"
  [[ ! -e $run/events.jsonl.old ]] || mv -f "$run/events.jsonl.old" "$run/events.jsonl"
  [[ -n $gateway && -e $logs/gateway.log.1 ]] || return 0
  mv -f "$logs/gateway.log" "$logs/gateway.log.failed"
  mv -f "$logs/gateway.log.1" "$logs/gateway.log"
}

down() {
  local pid
  if pid=$(gateway_pid); then
    stop_gateway "$pid"
    say "Stopped"
  else
    rm -f "$run/gateway.pid"
    say "Nothing runs"
  fi
  stop_companions
}
