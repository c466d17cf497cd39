# shellcheck shell=bash
# up, restart and down.

up() {
  local detached='' arguments=() pid with=',console' folder=$PWD
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
  one_at_a_time
  if pid=$(gateway_pid); then fail "already running (pid $pid); ./switchboard down stops it"; fi
  local begun=$SECONDS
  stop_companions # what a gateway that died left
  check_companions "$with"
  require_agent "$with"
  log_limit >/dev/null
  install_missing
  settle_data ${arguments[@]+"${arguments[@]}"}
  build
  own_folders
  say "$with" >"$run/with"
  say "$prometheus_port" >"$run/prometheus.port"
  say "$zipkin_port" >"$run/zipkin.port"
  say "$console_port" >"$run/console.port"
  ! beside zipkin || fetch_zipkin
  say "Starting"
  ! beside zipkin || start_zipkin
  gateway=''
  trap 'give_up_start; say "Interrupted; nothing runs" >&2; exit 130' INT
  trap 'give_up_start; exit 143' TERM HUP
  start_gateway ${arguments[@]+"${arguments[@]}"}
  make_current
  remember_arguments ${arguments[@]+"${arguments[@]}"}
  if ! await_ready; then
    give_up_start
    fail "not started: $failure"
  fi
  trap interrupted INT
  trap 'stop_gateways; stop_companions; exit 143' TERM HUP
  ! beside prometheus || start_prometheus
  ! beside console || start_console
  if ! await_companions; then
    stop_gateway "$gateway"
    stop_companions
    fail "not started: $failure"
  fi
  announce $((SECONDS - begun))
  forget_child "$gateway"
  others_may_start
  learn_in_background
  [[ -n $detached ]] && return
  follow
}
# Of two that start a gateway at the same time one would be nobody's, and have its share of the requests for ever. What this starts and
# leaves behind closes the descriptor, or would hold the lock for as long as it lives.
one_at_a_time() {
  may_write "$state" "$data"
  ! stale || may_build # before anything is installed for it
  own_folders
  exec 9>>"$state/start.lock"
  flock -n 9 || fail "another up or restart is at work; wait for its end, or ./switchboard down"
  say "$$ $(begun_at "$$")" >"$state/start.lock"
}
# Who is starting one gives up; a gateway that a restart was to replace goes on.
end_start() {
  local pid begun lock=$state/start.lock
  [[ -e $lock ]] && ! flock -n "$lock" true || return 0
  read -r pid begun <"$lock" || return 0
  [[ -n $begun && $(begun_at "$pid") == "$begun" ]] || return 0
  say "Ending the up or restart that is at work"
  kill -TERM "$pid" 2>/dev/null || true
  flock -w "$stop_grace" "$lock" true || fail "the up or restart with pid $pid does not end"
}
others_may_start() { exec 9>&-; }
# One that is not ready has no streams to wait for.
give_up_start() {
  trap '' INT TERM HUP
  [[ -z $gateway ]] || stop_gateway "$gateway" "$start_grace"
  stop_companions
}
start_grace=3
# The first Ctrl-C lets running streams finish, the second does not; workers follow the gateway's end.
interrupted() {
  settled
  say "Stopping; Ctrl-C again stops at once"
  trap 'settled; kill_gateways; companion_grace=0; stop_companions; exit 130' INT
  stop_gateways
  stop_companions
  exit 130
}
# While a restart goes on there is one that has taken over, too.
stop_gateways() {
  local next
  ! next=$(gateway_pid) || kill -TERM "$next" 2>/dev/null || true
  stop_gateway "$gateway"
  ! next=$(gateway_pid) || stop_gateway "$next"
}
kill_gateways() {
  local next
  ! next=$(gateway_pid) || kill -KILL "$next" 2>/dev/null || true
  kill -KILL "$gateway" 2>/dev/null || true
  rm -f "$run/gateway.pid"
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
  first_question "$api" "$(field model "$ready_event")"
  say
}
# first_question API MODEL: a command that works as it stands, in any folder. Where a key is needed, one line before it makes one; a
# certificate is named, and the API called what that is for. Only a client's own certificate, where one is asked for, must be put in.
# Where there is no curl, as beside a package on a bare machine, this launcher asks; it has no certificate of a client.
# shellcheck disable=SC2016 # the key and the files are for the shell that runs it
first_question() {
  local options='' certificate name host port url=$1 model=$2
  url=${url//:\/\/0.0.0.0:/:\/\/127.0.0.1:}
  host=${url#*://} port=${url##*:}
  host=${host%:*}
  certificate=$(field certificate "$ready_event") name=$(field name "$ready_event")
  if [[ -n $certificate ]]; then
    options+=" --cacert $(printf %q "$certificate")"
    [[ $name == "$host" || $name == localhost && $host == 127.0.0.1 ]] || options+=" --connect-to $name:$port:$host:$port"
    url=${url%%://*}://$name:$port
  fi
  if [[ $ready_event == *'"client_certificate":true'* ]]; then
    say "  certificate=YOURS.crt private=YOURS.key  # http.tls.client-ca-file asks for a certificate of yours"
    options+=' --cert "$certificate" --key "$private"'
  fi
  if [[ $ready_event == *'"keys":true'* ]]; then
    say "  key=\$($(own_command) keys create --name first-\$RANDOM)"
    options+=' -H "Authorization: Bearer $key"'
  fi
  if [[ $options != *' --cert '* ]] && ! command -v curl >/dev/null; then
    options=''
    [[ $ready_event != *'"keys":true'* ]] || options=' --key "$key"'
    say "  echo Hello | $(own_command) chat$options $(printf %q "$model")"
    return
  fi
  say "  curl -N$options $url/v1/chat/completions -d '{\"model\":\"$model\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'"
}
# This launcher for a shell in another folder, with the places and files that it was told.
own_command() {
  local name
  for name in SWITCHBOARD_STATE SWITCHBOARD_DATA SWITCHBOARD_ADMIN_CA SWITCHBOARD_ADMIN_CERTIFICATE; do
    [[ -z ${!name:-} ]] || printf '%s=%q ' "$name" "$(realpath -sm -- "${!name}")"
  done
  printf '%q/switchboard' "$installed"
}
# In the foreground: the log, until Ctrl-C or the gateway's end.
follow() {
  local status=0 next followed=$gateway
  tell_manager --ready --status="$(serves_or_not)"
  trap hand_over USR1
  follow_log
  await_end || status=$?
  while next=$(cat "$run/gateway.pid" 2>/dev/null) && [[ $next != "$followed" ]]; do # a restart left another in its place
    gateway=$next followed=$next status=0 ending=''
    if [[ $(gateway_pid) == "$next" ]]; then
      follow_log
      await_end || status=$?
    else # which ended before this one did
      last_word || status=$?
    fi
  done
  stop_children
  forget_gateway "$gateway"
  stop_companions
  exit_status=$status
  ((status == 0)) || fail "the gateway ended${ending:- with status $status$(meaning_of "$status")}; see ${logs#"$home"/}/gateway.log"
}
# meaning_of STATUS: what a process's exit status says of its end, where it says something.
meaning_of() {
  case $1 in
    3) printf ': out of memory' ;;
    137) printf ': killed (signal 9), which the kernel does when memory runs out; ./switchboard doctor counts what is free' ;;
    134 | 139) printf ': native code crashed' ;;
  esac
}
# With the folder from which their files are named. What is said once is not said again by restart.
remember_arguments() {
  local argument kept=()
  say "$folder" >"$run/folder"
  for argument; do [[ $argument == --accept-new-store ]] || kept+=("$argument"); done
  printf '%s\0' ${kept[@]+"${kept[@]}"} >"$run/arguments"
}

# The new gateway loads its workers beside the old one's, listens on the same ports, and is ready
# before the old one is asked to go. Until then whatever ends this ends the new one, and the old one goes on.
restart() {
  local old begun=$SECONDS arguments=() folder=$PWD there
  gateway_pid >/dev/null || nothing_runs
  one_at_a_time
  old=$(gateway_pid) || nothing_runs
  if (($#)); then
    arguments=("$@")
  elif [[ -s $run/arguments ]]; then
    mapfile -d '' arguments <"$run/arguments"
    [[ -n ${arguments[0]} ]] || arguments=()
    there=$(cat "$run/folder" 2>/dev/null || true)
    [[ -z $there || ! -x $there/. ]] || folder=$there
  fi
  require_agent "$(cat "$run/with" 2>/dev/null || true)"
  log_limit >/dev/null
  data_of_running
  install_missing
  build
  say "Starting beside the gateway with pid $old"
  gateway=''
  trap 'take_back && say "Interrupted; the old gateway goes on" >&2 && exit 130' INT
  trap 'take_back && say "Ended; the old gateway goes on" >&2 && exit 143' TERM HUP
  shared_ports=$(ports_of_running)
  start_gateway ${arguments[@]+"${arguments[@]}"} --take-over
  if ! await_ready; then
    take_back
    fail "not restarted, the old gateway goes on: $failure"
  fi
  make_current
  forget_child "$gateway"
  trap 'settled; say "The new gateway serves; the old one ends when its streams have"; exit 130' INT TERM HUP
  kill -TERM "$old" 2>/dev/null || true
  remember_arguments ${arguments[@]+"${arguments[@]}"}
  stop_gateway "$old"
  ! ended "$gateway" || fail "the new gateway has ended, and the old one too; see ${logs#"$home"/}/gateway.log"
  renew_console
  renew_prometheus
  announce $((SECONDS - begun))
  others_may_start
  learn_in_background
}
# Ends the new gateway. The files of the old one are as they were.
take_back() {
  trap '' INT TERM HUP
  [[ -z $gateway ]] || stop_gateway "$gateway" "$start_grace"
  forget_next
}

down() {
  local pid
  end_start
  if pid=$(gateway_pid); then
    stop_gateway "$pid"
    say "Stopped"
  else
    rm -f "$run/gateway.pid"
    say "Nothing runs"
  fi
  stop_companions
}
