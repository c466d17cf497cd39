# shellcheck shell=bash
# The gateway's process: its command line, its start, its events, its end.

# field NAME LINE: a string or number of a flat JSON object.
field() {
  if [[ $2 =~ \"$1\":\"(([^\"\\]|\\.)*)\" ]] || [[ $2 =~ \"$1\":([-0-9.]+) ]]; then
    printf '%b' "${BASH_REMATCH[1]//\\\"/\"}"
  fi
}
ready_line() { grep '"event":"ready"' "$run/events.jsonl" 2>/dev/null | tail -n 1 || true; }
# ports_of_running: those that whoever takes over from it shares with it; whatever else listens has its own.
ports_of_running() {
  local line api admin
  line=$(ready_line)
  api=$(field api "$line") admin=$(field admin "$line")
  [[ -z $line ]] || printf '%s,%s' "${api##*:}" "${admin##*:}"
}
nothing_runs() {
  exit_status=3
  fail "no gateway of this checkout runs; ./switchboard up starts one"
}
is_gateway_of_this() { started_with "$1" home "$home"; }               # is_gateway_of_this PID
# started_with PID PROPERTY FOLDER: whether it is a gateway that was told the folder, by whatever path.
started_with() {
  local argument told='' gateway=''
  while IFS= read -r -d '' argument; do
    case $argument in
      "-Dswitchboard.$2="*) told=${argument#*=} ;;
      *GatewayMain) gateway=1 ;;
    esac
  done 2>/dev/null <"/proc/$1/cmdline" || return 1
  [[ -n $gateway && ($told == "$3" || $told -ef $3) ]]
}
gateway_pid() { # of this checkout's gateway; a stale file may hold the number of another process by now
  local pid
  [[ -e $run/gateway.pid ]] && pid=$(<"$run/gateway.pid") && [[ -n $pid && -r /proc/$pid/cmdline ]] && is_gateway_of_this "$pid" && printf '%s' "$pid"
}

commit_of_this() { git -C "$home" rev-parse --short=12 HEAD 2>/dev/null || true; }
agent() { [[ ${SWITCHBOARD_AGENT:-on} != off ]]; }
require_agent() { # require_agent LIST: where it is off, nothing of what --with names may want traces, nor the environment
  agent || [[ -z $(exporters_of_environment) && ,$1, != *,zipkin,* ]] ||
    fail "traces need the agent: SWITCHBOARD_AGENT=off goes with no OTEL_TRACES_EXPORTER, no endpoint of OTLP and no --with zipkin"
}
gateway_command() {
  command=("$JAVA_HOME/bin/java"
    "${gateway_options[@]}"
    -Dswitchboard.home="$home"
    -Dswitchboard.state="$data"
    "-Dswitchboard.commit=$(commit_of_this)"
    "-Dswitchboard.library=$engine_library"
    "-Dswitchboard.demo-model=$demo_model")
  [[ -z ${shared_ports:-} ]] || command+=("-Dswitchboard.shared-ports=$shared_ports")
  if agent; then
    command+=(-javaagent:"$agent_folder/opentelemetry-javaagent.jar"
      -Dotel.javaagent.configuration-file="$agent_settings"
      -Dotel.javaagent.extensions="$agent_folder/extensions"
      "-Dotel.traces.exporter=$(trace_exporters)")
    ! beside zipkin || command+=("-Dotel.exporter.zipkin.endpoint=http://127.0.0.1:$zipkin_port/api/v2/spans")
  elif [[ -s $gateway_cache && $gateway_cache -nt $built ]]; then
    # What it says of a cache that does not fit must not mix with the events.
    command+=(-Xlog:disable -Xlog:all=warning:stderr "-XX:AOTCache=$gateway_cache")
  fi
  command+=("-Dswitchboard.worker.classpath=$worker_class_path"
    "-Dswitchboard.worker.startup-cache=$worker_cache"
    -cp "$class_path"
    dev.switchboard.gateway.boot.GatewayMain)
  local sampler
  mapfile -t sampler < <(trace_sampler)
  ((${#sampler[@]} == 0)) || command=("${command[0]}" "${sampler[@]}" "${command[@]:1}")
}

# Zipkin holds a bounded number of spans, so one request in ten is recorded; whatever is of interest, and whatever a metric points to, is
# exported all the same.
trace_sampler() {
  ! beside zipkin || [[ -n ${OTEL_TRACES_SAMPLER:-}$(exporters_of_environment) ]] ||
    printf '%s\n' -Dotel.traces.sampler=parentbased_traceidratio -Dotel.traces.sampler.arg=0.1
}
# What the agent would export to by its environment, but that an endpoint of OTLP has to be named where nothing else is: by itself it asks
# for a collector on this machine, which may have none. Nothing for no exporter.
exporters_of_environment() {
  local named=${OTEL_TRACES_EXPORTER:-}
  [[ -n $named || -z ${OTEL_EXPORTER_OTLP_ENDPOINT:-}${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT:-} ]] || named=otlp
  [[ $named == none ]] || printf '%s' "$named"
}
trace_exporters() {
  local exporters
  exporters=$(exporters_of_environment)
  ! beside zipkin || [[ ,$exporters, == *,zipkin,* ]] || exporters+=,zipkin
  exporters=${exporters#,}
  printf '%s' "${exporters:-none}"
}

# Starts the gateway in $folder and in a session of its own, so that a Ctrl-C reaches this script and not the workers. Its files are "next" until it is
# ready, so that whatever ends its start leaves those of a gateway that runs as they are.
start_gateway() {
  local command
  gateway_command
  own_folders
  rm -f "$run/next.jsonl" "$logs/gateway.next.log"
  : >"$run/next.jsonl"
  : >"$logs/gateway.next.log"
  events_file=$run/next.jsonl log_file=$logs/gateway.next.log
  # Where nohup has it ignored the JVM never hears SIGHUP, by which the configuration is read again.
  local hearing=()
  ! env --default-signal=HUP true 2>/dev/null || hearing=(env --default-signal=HUP)
  # Opened here: the new process may get to it only after the files have their later names.
  local out err
  exec {out}>>"$events_file" {err}>>"$log_file"
  # A signal waits until it is known which process it would leave behind.
  local traps early=''
  traps=$(trap -p INT TERM HUP)
  trap 'early=INT' INT
  trap 'early=TERM' TERM
  trap 'early=HUP' HUP
  (cd -- "$folder" && exec setsid ${hearing[@]+"${hearing[@]}"} "${command[@]}" "$@") </dev/null >&"$out" 2>&"$err" {out}>&- {err}>&- 9>&- &
  gateway=$!
  child "$gateway" # until it is the one that runs, whatever ends this script
  exec {out}>&- {err}>&-
  say "$gateway" >"$run/next.pid"
  trap - INT TERM HUP
  eval "$traps"
  [[ -z $early ]] || kill "-$early" "$$"
}
# What was started last is the gateway from now on; it goes on writing to the same files under their new names.
make_current() {
  local number
  for ((number = log_kept - 1; number > 0; number--)); do
    [[ ! -e $logs/gateway.log.$number ]] || mv -f "$logs/gateway.log.$number" "$logs/gateway.log.$((number + 1))"
  done
  [[ ! -e $logs/gateway.log ]] || mv -f "$logs/gateway.log" "$logs/gateway.log.1"
  mv -f "$log_file" "$logs/gateway.log"
  mv -f "$events_file" "$run/events.jsonl"
  events_file=$run/events.jsonl
  mv -f "$run/next.pid" "$run/gateway.pid"
  log_file=$logs/gateway.log
  keep_logs_small "$gateway"
}
# Of one that did not start, the log stays.
forget_next() {
  [[ ! -e $logs/gateway.next.log ]] || mv -f "$logs/gateway.next.log" "$logs/gateway.failed.log"
  rm -f "$run/next.jsonl" "$run/next.pid"
}

# Follows the gateway's events until it is ready (0) or gives up (1).
await_ready() {
  local line follower events status=2
  not_serving=() loading_since=() line_at=$SECONDS
  exec {events}< <(exec tail -n +1 -f -s 0.1 --pid="$gateway" "$events_file" 2>/dev/null 9>&-)
  follower=$!
  while ((status == 2)) && IFS= read -r -u "$events" line; do
    [[ $line =~ ^\{\"event\":\"([a-z_]+)\" ]] || continue
    case ${BASH_REMATCH[1]} in
      worker_loading) loading_line "$line" ;;
      worker_ready) settled && say "  ${green}ready${off}  worker $(field replica "$line")  ${dim}$(field model "$line"), $(field seconds "$line") s${off}" ;;
      worker_restarting) settled && say "  ${yellow}again${off}  worker $(field replica "$line"): $(field message "$line")" ;;
      worker_failed) settled && say "  ${red}failed${off}  worker $(field replica "$line"): $(field message "$line")" ;;
      not_serving) not_serving+=("$(field model "$line") at $(field replica "$line"): $(field message "$line")") ;;
      ready) ready_event=$line status=0 ;;
      failed) failure=$(field message "$line") exit_status=$(field status "$line") status=1 ;;
    esac
  done
  exec {events}<&-
  kill "$follower" 2>/dev/null || true
  settled
  if ((status == 2)); then
    exit_status=0
    wait "$gateway" 2>/dev/null || exit_status=$?
    ((exit_status)) || exit_status=1
    failure="the gateway ended before it was ready$(meaning_of "$exit_status"); last lines of its log:"$'\n'$(tail -n 15 "$log_file")
  fi
  return $((status != 0))
}
# loading_line EVENT: how much of a worker's model is there, and how long the rest takes at the pace so far.
declare -A loading_since=()
loading_line() {
  local replica done_bytes total rest=''
  replica=$(field replica "$1") done_bytes=$(field done_bytes "$1") total=$(field total_bytes "$1")
  : "${loading_since[$replica]:=$SECONDS}"
  rest=$(rest_of "${done_bytes:-0}" "${total:-0}" $((SECONDS - loading_since[$replica])))
  moving "worker $replica loads $(bar "${done_bytes:-0}" "${total:-0}") $(((${done_bytes:-0} + 1048575) / 1048576)) of $(((${total:-0} + 1048575) / 1048576)) MiB$rest"
}
# rest_of DONE TOTAL SECONDS: nothing before a twentieth is done, and before 2 s: that says too little.
rest_of() { (($1 * 20 < $2 || $1 == 0 || $3 < 2)) || printf ', about %s s left' $((($2 - $1) * $3 / $1)); }
# told_seconds PID: how long a gateway that stops said that it takes at most; nothing where it said nothing. After a restart its file has no
# name any more.
told_seconds() {
  local events=/proc/$1/fd/1 ms
  [[ -f $events ]] && ms=$(field within_ms "$(grep '"event":"stopping"' "$events" 2>/dev/null | tail -n 1)") && [[ $ms =~ ^[0-9]{1,9}$ ]] || return 0
  printf %s $((ms / 1000 + 5))
}
stop_grace=60 # seconds, of one that does not say how long it takes
# stop_gateway PID [SECONDS]: asks, waits as long as it says that its streams and its end take, then insists. One that is dead and not yet
# reaped by whoever started it, as in a container without an init, has ended.
stop_gateway() {
  local waited=0 limit=$((${2:-$stop_grace} * 10)) told=${2:-}
  kill -TERM "$1" 2>/dev/null || true
  until ended "$1"; do
    sleep 0.1
    waited=$((waited + 1))
    if [[ -z $told ]] && ((waited % 5 == 0)) && told=$(told_seconds "$1") && [[ -n $told ]]; then
      tell_manager "EXTEND_TIMEOUT_USEC=$(((told + companion_grace) * 1000000))"
      ((told * 10 <= limit)) || limit=$((told * 10))
    fi
    ((waited % 10 == 0)) && moving "stopping: streams finish ($((waited / 10)) s of $((limit / 10)) at most)"
    if ((waited > limit)); then
      kill -KILL "$1" 2>/dev/null || true
      [[ -n ${2:-} ]] || { settled && say "the gateway (pid $1) did not end within $((limit / 10)) s, and was killed" >&2; }
      break
    fi
  done
  settled
  forget_gateway "$1"
}
forget_gateway() { # forget_gateway PID: unless another one took its place
  [[ ! -e $run/gateway.pid || $(<"$run/gateway.pid") != "$1" ]] || rm -f "$run/gateway.pid"
}
