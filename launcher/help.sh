# shellcheck shell=bash
# The usage, and the help of each command. Nothing is installed or built for either.

usage() {
  cat <<'HELP'
Usage: ./switchboard COMMAND [OPTIONS]
       ./switchboard help COMMAND, or COMMAND --help

  up        install what is missing, build, start the gateway, its workers and the console; Ctrl-C
            stops all
  up -d     the same in the background: returns when every local model is ready and each upstream
            was asked once, with what does not serve yet and why; non-zero with the reason when it
            cannot start
  down      stop what `up -d` started
  restart   start a gateway beside the running one, on its ports, then stop that one: no request
            fails. With options of up instead of those it was started with
  status    replicas, models, load and addresses of the gateway that runs, as a table;
            `status --json`
  logs      `logs [-f] [gateway|console|prometheus|zipkin]`: the log of one, the gateway's unless
            said; -f follows it
  chat      `chat [--key KEY] [MODEL]`: talk to a model; the answer streams, and below it stands
            where its time went. Lines of standard input are questions; --json prints each answer
            with its timeline instead
  top       a live table of the replicas, once a second; one frame where the output is no terminal,
            or with --once
  why       `why [--json] ID`: why a request took as long as it did, in a paragraph and as numbers,
            or as these alone; the id is that of its header X-Request-Id
  models    what the gateway serves: models, their replicas and what is ready; `models --json`
  keys      API keys of the running gateway:
            `keys create --name N [--tenant T] [--role R] [--expires-in SECONDS]`, where R is app
            (calls models; unless said), viewer, operator or admin; `keys list`, `keys revoke ID`;
            each with --json
  drain     `drain [--yes] REPLICA`: takes no new requests to a replica; says what that does, and
            asks where it is the last ready one
  reload    make the running gateway read its configuration again
  diagnostics
            `diagnostics [FILE]`: save what the running gateway knows, without secrets, as a zip
            archive for whoever looks for a fault
  config    `config init FILE`: writes one with every key; `config check FILE`: all that is wrong
            with it; `config reference`: every key
  test      install what is missing, build, run the tests and quality gates of a commit, in about
            ten minutes; what failed is one list at the end, with the command that repeats each.
            `test --failed` repeats all that failed last time; `test --only NAMES` runs parts and
            classes of tests, with commas between. `test --nightly` runs what is slow or judges a
            time as well (over an hour); of that `test --readme` the commands of README.md and docs
            only, `test --browser` the console in Chromium, `test --sanitizers` the native tests
            under sanitizers and with other compilers. Before a release: `test --package` the
            archive in a Debian 13 of essential packages and its unit under systemd, as root;
            `test --long` the Kubernetes base under podman, rolled out under 200 streams, as root;
            `test --fresh` all in a fresh Debian 13, as root and as a user with sudo (an hour)
  bench     measure: `bench engine`, `bench gateway`, `bench serving`, `bench chaos`,
            `bench telemetry`, `bench dispatch`, `bench scaling`, `bench fleet`, `bench discovery`,
            `bench kernels`, `bench constraint`, `bench step`, `bench why`, `bench tail`,
            `bench exemplars`, `bench console`
  dashboards
            draw the Grafana dashboards as SVG from what a Prometheus knows
  images    `images [gateway|console|worker|worker-cuda ...]`: build container images as OCI
            archives, each with its bill of materials beside it, without a registry; all that can be
            built here when none is named. As root
  package   `package [--output FOLDER]`: build one archive that runs where it is unpacked: Java
            runtime, gateway, engine, console and demonstration model, with its sum and its bill of
            materials beside it
  doctor    what is missing or wrong on this machine, in one screen
  build     build only
  completion
            `completion bash`: completion of commands, flags and their values:
            source <(./switchboard completion bash)

Options of up and restart:
  --model FILE.gguf     model to serve; repeat for several (default: the embedded switchboard-demo)
  --workers N           engine workers per model (default 2)
  --stages P            pipeline stages per worker (default 1)
  --ranks T             tensor-parallel ranks per stage (default 1)
  --threads N           CPU threads per rank (default: the cores, shared out)
  --port N              HTTP API (default 8080)
  --admin-port N        admin API and /metrics (default 9901)
  --bind ADDRESS        address to listen on (default 127.0.0.1)
  --config FILE         switchboard.yaml; flags win over it
  --accept-new-store    start once though the store has lost its API keys, which is refused else:
                        the API may be open to anybody then. Not kept for restart
  --without console     starts no console beside the gateway
  --with NAMES          prometheus, zipkin or both with a comma between: starts them too and wires
                        them to the gateway; down stops them; not for restart. Prometheus is
                        Debian's package of that name, Zipkin comes from Maven Central. Their ports
                        are 9090 and 9411, or the next free ones

Environment:
  OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
                                where spans go, for example http://localhost:4318; nowhere where
                                none is named
  OTEL_TRACES_EXPORTER          where spans go instead, as the OpenTelemetry agent reads it: otlp,
                                zipkin, none and so on
  SWITCHBOARD_ADMIN_KEY         the key that commands send to the admin API, where it asks for one:
                                of the role admin to make and revoke keys, for `reload` and
                                `diagnostics`, operator for `drain`, viewer for what only reads
  SWITCHBOARD_KEY               the key that `chat` sends to the API, unless --key names one
  SWITCHBOARD_ADMIN_CA          certificates in PEM that the admin API's own must lead to, where it
                                speaks TLS
  SWITCHBOARD_ADMIN_CERTIFICATE a certificate and its key in one file of PEM, where the admin API
                                asks for one
  SWITCHBOARD_AGENT=off         starts the gateway without the OpenTelemetry agent: no traces, less
                                processor time for each request, and from the second start on as
                                quick as after minutes of load. In a package that is so where
                                nothing says where spans go, unless it is on
  SWITCHBOARD_PROMETHEUS_PORT, SWITCHBOARD_ZIPKIN_PORT   the ports for those of --with, no others
  SWITCHBOARD_CONSOLE_PORT      the console's port, no other (default 9902, or the next free one)
  SWITCHBOARD_CONSOLE_VIEWER_KEY, SWITCHBOARD_CONSOLE_OPERATOR_KEY, SWITCHBOARD_CONSOLE_ADMIN_KEY
                                what the console sends for people of these roles (else
                                SWITCHBOARD_ADMIN_KEY for admins)
  SWITCHBOARD_PLAIN=1           no colours, no moving lines
  SWITCHBOARD_DATA              the folder of what must not be lost: keys, tenants, usage, the audit
                                log, the console's users (default data in the checkout)
  SWITCHBOARD_STATE             in a package: the folder of logs, pids and data (default
                                $XDG_STATE_HOME/switchboard)
  SWITCHBOARD_LOG_KIB           how large a log gets before it is turned over, 5 old ones are kept
                                (default 32768)

Exit status:
  0 done, 1 failed, 2 wrong command line, 3 no gateway of this checkout runs, 4 an address is taken,
  130 interrupted, 143 ended by a signal. up also ends with the gateway's own: 3 out of memory,
  5 engine lost, 6 model refused, 7 device failed, 134 or 139 native code crashed, 137 killed, as
  the kernel does when memory runs out
HELP
}
commands() { usage | awk '/^Options/ {exit} match($0, /^  [a-z]+/) {print $1}' | uniq; }
asks_help() { [[ " $* " == *" --help "* || " $* " == *" -h "* ]]; }
asks_version() { [[ " $* " == *" --version "* || " $* " == *" -V "* ]]; }
say_version() {
  local commit
  commit=$(git -C "$home" rev-parse --short=12 HEAD 2>/dev/null) || commit=''
  say "switchboard $version${commit:+ ($commit)}"
}
unknown_command() { # unknown_command NAME: with the nearest one; the whole usage helps nobody who mistyped
  local names
  mapfile -t names < <(commands)
  usage_error "unknown command: $1$(did_you_mean "$1" "${names[@]}" help); ./switchboard --help lists all"
}
unknown_part() { # unknown_part COMMAND [WORD]: what follows a command is none of its own
  local parts
  mapfile -t parts < <(parts_of "$1")
  [[ -n ${2:-} ]] || usage_error "$1 what? ${parts[*]}; ./switchboard $1 --help"
  usage_error "$1 knows ${parts[*]}, not '$2'$(did_you_mean "$2" "${parts[@]}")"
}
# help_of COMMAND [PART]: its own lines of the usage and what belongs to it. A program of ours lists its options itself where it
# is built already; nothing is installed or built for that.
help_of() {
  [[ -n ${1:-} ]] || { usage && return; }
  one_of "$1" "$(commands)" || unknown_command "$1"
  say "Usage: ./switchboard $1${2:+ $2} [OPTIONS]"
  say
  usage | awk -v name="$1" '/^Options/ {exit} /^  [a-z]/ {shown = $1 == name} shown {print}'
  case $1 in
    up | restart) usage | awk '/^Options/ {shown = 1} shown {print}' | sed '1i\\' ;;
    bench) if [[ -n ${2:-} ]]; then help_of_bench "$2"; else bench_meanings; fi ;;
    config) options_of gateway gateway.boot.ConfigMain ;;
    dashboards) options_of_bench gateway gateway.dashboards.DashboardsCommand ;;
  esac
}
bench_meanings() {
  cat <<'HELP'

  engine      tokens per second through the whole engine
  kernels     one operation at a time
  step        what a step costs beside its computing
  constraint  what a mask costs
  gateway     what the gateway adds to a worker
  serving     tokens per second over HTTP, of the gateway that runs and of others beside it
  telemetry   what it costs to be watched
  tail        what listing and following requests costs
  exemplars   whether each leads to its trace
  chaos       whether anybody notices what breaks
  why         whether explanations name the culprit
  dispatch    how requests are shared out among engines
  scaling     which rule of scaling misses least
  discovery   what a thousand endpoints cost
  fleet       what a page of many replicas takes
  console     what that page takes in a browser

./switchboard bench NAME --help lists the options of one.
HELP
}
help_of_bench() {
  case $1 in
    engine) options_of_bench native-engine bench.EngineBench ;;
    constraint) options_of_bench native-engine bench.ConstraintBench ;;
    gateway) options_of_bench gateway gateway.bench.GatewayBench ;;
    chaos) options_of_bench gateway gateway.bench.ChaosBench ;;
    fleet) options_of_bench gateway gateway.bench.FleetPageBench ;;
    discovery) options_of_bench gateway gateway.bench.DiscoveryBench ;;
    telemetry) options_of_bench gateway gateway.bench.TelemetryBench ;;
    why) options_of_bench gateway gateway.bench.WhyBench ;;
    exemplars) options_of_bench gateway gateway.bench.ExemplarBench ;;
    serving) options_of_bench gateway gateway.bench.ServingBench ;;
    tail) options_of_bench gateway gateway.bench.TailBench ;;
    dispatch) options_of_bench gateway gateway.simulation.DispatchSimulation ;;
    console)
      say
      say "bench console [page] [sessions] [up]: what pages take in Chromium, what 50 sessions cost the"
      say "  gateway under load, and how long up -d takes"
      say "bench console screenshots FOLDER [SECONDS [VIEW...]]: pictures of all views or of some, after so"
      say "  many seconds of load, 120 unless said; the word whole among the views takes whole pages too"
      ;;
    scaling) options_of_bench gateway gateway.simulation.ScalingSimulation ;;
    kernels) say && say "Options are Google Benchmark's, for example --benchmark_filter=REGEX" ;;
    step) say && say "Options are JMH's, for example -f 1 -i 3; --json FILE writes the result there" ;;
    *) unknown_part bench "$1" ;;
  esac
}
options_of() { print_options "$home/$1/target/$1-$version.jar:$home/$1/target/lib/*" "$2"; } # options_of MODULE CLASS
options_of_bench() { print_options "$(bench_class_path "$1")" "$2"; }
print_options() { # print_options CLASSPATH CLASS
  local java
  say
  if stale || [[ $1 == *: ]] || ! java=$(find_java) || [[ -z $java ]]; then
    say "Its options are listed here once it is built"
  else
    "$java/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$1" "dev.switchboard.$2" --help
  fi
}
