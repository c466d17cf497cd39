# shellcheck shell=bash
# What runs beside the gateway: the console, Prometheus and Zipkin.

zipkin_version=3.6.1
zipkin_bytes=135311706
zipkin_jar=$state/lib/zipkin-server-$zipkin_version-exec.jar
recorded() { [[ -s $run/$1 ]] && printf '%s' "$(<"$run/$1")" || printf '%s' "$2"; }
prometheus_port=$(recorded prometheus.port 9090)
zipkin_port=$(recorded zipkin.port 9411)
console_port=$(recorded console.port 9902)

# beside NAME: whether the gateway was started with it.
beside() { [[ -e $run/with && ,$(<"$run/with"), == *",$1,"* ]]; }
check_companions() { # check_companions LIST: every name known, its program there, a port for it
  local name
  while IFS= read -r -d , name; do
    case $name in
      '') ;;
      prometheus)
        command -v prometheus >/dev/null || fail "--with prometheus needs the Debian package prometheus: apt-get install prometheus"
        choose_port prometheus SWITCHBOARD_PROMETHEUS_PORT 9090
        ;;
      zipkin) choose_port zipkin SWITCHBOARD_ZIPKIN_PORT 9411 ;;
      console) choose_port console SWITCHBOARD_CONSOLE_PORT 9902 ;;
    esac
  done <<<"$1,"
}
# choose_port NAME VARIABLE FIRST: sets NAME_port to what the variable asks for, or else to the first free one: Debian's own service
# may have the usual one.
choose_port() {
  local asked=${!2:-} port=$3
  if [[ -n $asked ]]; then
    is_port "$asked" || fail "$2 must be a port"
    ! listening "$asked" || fail "port $asked is taken, and $1 wants it; $2 chooses another"
    port=$asked
  fi
  while listening "$port"; do
    ((++port < $3 + 100)) || fail "ports $3 to $((port - 1)) are taken, and $1 wants one; $2 chooses another"
  done
  printf -v "$1_port" %s "$port"
}
fetch_zipkin() {
  local downloading=$HOME/.m2/repository/io/zipkin/zipkin-server/$zipkin_version' '$zipkin_bytes
  [[ -s $zipkin_jar ]] || step "Zipkin $zipkin_version from Maven Central" zipkin-fetch maven -N dependency:copy \
    "-Dartifact=io.zipkin:zipkin-server:$zipkin_version:jar:exec" "-DoutputDirectory=$(dirname "$zipkin_jar")"
}
# Traces stay in its memory, the newest so many spans of them: 3.4 KB for each that has a rank's attributes, and as much again for what comes
# in and is collected.
zipkin_spans=100000
start_zipkin() {
  STORAGE_TYPE=mem MEM_MAX_SPANS=$zipkin_spans companion zipkin "$JAVA_HOME/bin/java" -XX:+UseSerialGC -Xmx656m \
    -XX:+ExitOnOutOfMemoryError --enable-native-access=ALL-UNNAMED \
    -jar "$zipkin_jar" --armeria.ports[0].port="$zipkin_port" --armeria.ports[0].ip=127.0.0.1 --armeria.ports[0].protocols[0]=http
}
# With what the admin API is asked over TLS, as Prometheus writes it.
tls_files() {
  [[ -z ${SWITCHBOARD_ADMIN_CA:-} ]] || printf 'ca_file: "%s", ' "$(realpath "$SWITCHBOARD_ADMIN_CA")"
  [[ -z ${SWITCHBOARD_ADMIN_CERTIFICATE:-} ]] ||
    printf 'cert_file: "%s", key_file: "%s"' "$(realpath "$SWITCHBOARD_ADMIN_CERTIFICATE")"{,}
}
# What has Prometheus keep native histograms and the classic buckets beside them. It refuses a setting that its version does not know:
# 3.0 renamed the one, 3.8 brought the other, and from 3.9 on the feature flag does nothing.
histogram_settings() {
  local version always='' native=''
  version=$(prometheus --version 2>&1) || true
  if [[ $version =~ version\ ([0-9]+)\.([0-9]+) ]]; then
    ((BASH_REMATCH[1] < 3)) || always=always_
    ((BASH_REMATCH[1] < 3 || BASH_REMATCH[1] == 3 && BASH_REMATCH[2] < 8)) || native=$'\n    scrape_native_histograms: true'
  fi
  printf '%sscrape_classic_histograms: true%s' "$always" "$native"
}
# A panel looks back 30 days.
prometheus_keeps=35d
start_prometheus() {
  local admin
  admin=$(field admin "$ready_event")
  (umask 077 && printf '%s' "${SWITCHBOARD_ADMIN_KEY:-none}" >"$run/prometheus.key")
  cat >"$run/prometheus.yml" <<YAML
global: {scrape_interval: 5s, evaluation_interval: 15s}
rule_files: ["$home/dashboards/rules/recording.yml", "$home/dashboards/rules/alerts.yml"]
scrape_configs:
  - job_name: switchboard
    $(histogram_settings)
    authorization: {credentials_file: "$run/prometheus.key"}
    scheme: ${admin%%://*}
    tls_config: {$(tls_files)}
    static_configs: [{targets: ["${admin#*://}"]}]
YAML
  companion prometheus prometheus --config.file="$run/prometheus.yml" --storage.tsdb.path="$state/prometheus" \
    --storage.tsdb.retention.time="$prometheus_keeps" --web.listen-address="127.0.0.1:$prometheus_port" \
    --enable-feature=exemplar-storage,native-histograms
}
# It asks the admin API with a key for each role; people have their own names and passwords there.
start_console() {
  local admin
  admin=$(field admin "$ready_event")
  SWITCHBOARD_CONSOLE_ADMIN_KEY=${SWITCHBOARD_CONSOLE_ADMIN_KEY:-${SWITCHBOARD_ADMIN_KEY:-}} companion console \
    "$JAVA_HOME/bin/java" "${console_options[@]}" -cp "$console_class_path" \
    dev.switchboard.console.ConsoleMain --port "$console_port" --gateway "$admin" --state "$data/console"
}
# Sets what announce says of it. The gateway serves without it, so one that does not start is no reason to stop.
await_console() {
  local line='' waited=0
  until line=$(grep -m 1 '"event":"ready"' "$logs/console.log" 2>/dev/null); do
    if ended "$(<"$run/console.pid")" || ((waited++ > 300)); then
      console_said="does not start; see ${logs#"$home"/}/console.log"
      return
    fi
    moving "waiting for the console"
    sleep 0.1
  done
  settled
  console_said=$(field url "$line")
  [[ -z $(field first_run_token "$line") ]] || console_said+="    first sign-in, within an hour: $(field first_run_url "$line")"
}
companion() { # companion NAME COMMAND...: in a session of its own, as the gateway
  own_folders
  [[ ! -s $logs/$1.log ]] || turn_over "$logs/$1.log"
  setsid "${@:2}" </dev/null >>"$logs/$1.log" 2>&1 9>&- &
  say "$!" >"$run/$1.pid"
}
# Its state folder is apart from both in a package, and is all that names a Prometheus.
is_of_this() { [[ $1 == *"$home/"* || $1 == *"$data/"* || $1 == *"$state/"* ]]; } # is_of_this COMMAND_LINE
# The process of this checkout's companion; a stale file may hold the number of another one by now.
companion_pid() {
  local pid
  [[ -e $run/$1.pid ]] && pid=$(<"$run/$1.pid") && [[ -r /proc/$pid/cmdline ]] || return 1
  is_of_this "$(tr '\0' ' ' <"/proc/$pid/cmdline")" && printf '%s' "$pid"
}
# Whether a child of this script is dead. Its command line says less: within its exec it has none either.
ended() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  [[ ${stat##*) } == [ZX]* ]]
}
await_companions() {
  local name port waited
  for name in prometheus zipkin; do
    beside "$name" || continue
    port=${name}_port waited=0
    until listening "${!port}"; do
      if ended "$(<"$run/$name.pid")" || ((waited++ > 600)); then
        failure="$name does not start; last lines of its log:"$'\n'$(tail -n 15 "$logs/$name.log")
        return 1
      fi
      moving "waiting for $name"
      sleep 0.1
    done
    settled
  done
  ! beside console || await_console
}
companion_grace=3 # seconds for all of them together: none has anything to lose that it does not keep as it goes
end_companions() { # end_companions NAME...: asks all, waits for all at the same time, then insists
  local name pid asked=() waited
  for name; do
    ! pid=$(companion_pid "$name") || asked+=("$pid")
  done
  for pid in ${asked[@]+"${asked[@]}"}; do kill -TERM "$pid" 2>/dev/null || true; done
  for ((waited = 0; waited < companion_grace * 10; waited++)); do
    ! all_ended ${asked[@]+"${asked[@]}"} || break
    sleep 0.1
  done
  for pid in ${asked[@]+"${asked[@]}"}; do
    ended "$pid" || kill -KILL "$pid" 2>/dev/null || true
  done
  for name; do rm -f "$run/$name.pid"; done
}
all_ended() { # all_ended PID...
  local pid
  for pid; do ended "$pid" || return 1; done
}
# A console of another version, whose folder may go or whose files were built anew, or that asks where the gateway was, makes way for this
# one's on the same port.
renew_console() {
  local pid line
  beside console && pid=$(companion_pid console) || return 0
  line=$(tr '\0' ' ' <"/proc/$pid/cmdline")
  [[ $line != *"$home/"* || $line != *" --gateway $(field admin "$ready_event") "* || $built -nt $run/console.pid ]] || return 0
  end_companions console
  start_console
  await_console
}
# Prometheus reads its settings anew; its key and certificates stay as up was told them.
renew_prometheus() {
  local pid admin
  beside prometheus && pid=$(companion_pid prometheus) || return 0
  admin=$(field admin "$ready_event")
  sed -i "s|^    scheme: .*|    scheme: ${admin%%://*}|; s|\[{targets: .*|[{targets: [\"${admin#*://}\"]}]|" "$run/prometheus.yml"
  kill -HUP "$pid"
}
stop_companions() {
  end_companions prometheus zipkin console
  rm -f "$run/with" "$run/prometheus.key" "$run"/{prometheus,zipkin,console}.port
}
