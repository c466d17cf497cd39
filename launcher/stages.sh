# shellcheck shell=bash
# Parts of a tier of tests, side by side, and what failed in them.

failures=$state/failures # for each: its part, the name that `test --only` takes, and what it said
begun_tests=0
running=() # PART:PID:BEGUN

# stage N PART...: runs them in their order, N at a time, each with a limit and a log of its own.
stage() {
  local most=$1 part described
  shift
  [[ -n ${staged:-} ]] || rm -f "$failures"
  staged=1
  for part; do
    while ((${#running[@]} >= most)); do await_one; done
    described=$(describe "$part")
    launch "$part" within "${described%% *}" "$part"
    running+=("$part:$job:$SECONDS")
  done
  while ((${#running[@]})); do await_one; done
}
# within LIMIT PART: a part that takes longer is stopped. What its JVMs do then is in its log first.
within() {
  local status=0 watch
  (
    sleep "$1" &
    nap=$!
    trap 'kill "$nap"; exit' TERM
    wait "$nap"
    say "$2 takes longer than $1 s; what its processes do:"
    pkill -QUIT -g 0 java
    sleep 5
    kill -KILL 0
  ) &
  watch=$!
  run_part "$2" || status=$?
  kill "$watch" 2>/dev/null || true
  times >"$logs/$2.times" # not in a pipe, whose shell has no children
  return $status
}
await_one() { # until one of those that run has ended
  local each part pid begun
  line_at=$SECONDS
  while :; do
    for each in "${running[@]}"; do
      IFS=: read -r part pid begun <<<"$each"
      if [[ -s $logs/$part.status ]] || ! kill -0 "$pid" 2>/dev/null; then
        remove_running "$each"
        ended_part "$part" "$pid" $((SECONDS - begun))
        return
      fi
    done
    if [[ -n $fancy ]] || line_due; then moving "$(progress)"; fi
    sleep 0.3
  done
}
remove_running() {
  local each kept=()
  for each in "${running[@]}"; do [[ $each == "$1" ]] || kept+=("$each"); done
  running=(${kept[@]+"${kept[@]}"})
}
progress() { # each that runs, with its seconds and how long it took last time
  local each part pid begun before
  for each in "${running[@]}"; do
    IFS=: read -r part pid begun <<<"$each"
    before=$(cat "$logs/$part.seconds" 2>/dev/null) || before=''
    printf '%s %s%s s  ' "$part" $((SECONDS - begun)) "${before:+ of $before}"
  done
}
ended_part() { # ended_part PART PID SECONDS
  local title took
  title=$(describe "$1")
  wait "$2" 2>/dev/null || true
  forget_child "-$2"
  settled
  note_failed_cases "$1"
  took="$3 s, $(core_seconds "$logs/$1.times") of a core"
  if [[ $(cat "$logs/$1.status" 2>/dev/null) == 0 && -z $(failed_parts "$1") ]]; then
    printf %s "$3" >"$logs/$1.seconds"
    say "  ${green}done${off}  ${title#* } ${dim}($took)${off}"
  else
    say "  ${red}failed${off}  ${title#* } ${dim}($took)${off}"
    [[ -n $(failed_parts "$1") ]] || note_failure "$1" "$1" "$(last_words "$logs/$1.log")"
  fi
}

# The last line that tells of a failure, or else the last one.
last_words() {
  { grep -aiE 'failed|error|fault|longer than' "$1" || grep -aE '[^[:space:]]' "$1" || true; } | tail -n 1 | cut -c 1-300
}
# core_seconds FILE: of a shell's children, as `times` wrote them.
core_seconds() { tail -qn 1 "$1" 2>/dev/null | tr ms '  ' | awk '{print int(60 * ($1 + $3) + $2 + $4) " s"}'; }
note_failure() { printf '%s\t%s\t%s\n' "$1" "$2" "${3//$'\t'/ }" >>"$failures"; } # note_failure PART NAME WHAT
failed_parts() { # failed_parts PART...: those with a failure
  local part
  [[ -e $failures ]] || return 0
  for part; do ! one_of "$part" "$(cut -f 1 "$failures")" || say "$part"; done
}
note_failed_cases() { # note_failed_cases PART
  local name what
  while IFS=$'\t' read -r name what; do note_failure "$1" "$name" "$what"; done < <(failed_cases "$1")
}
reports_of() { # reports_of PART: the folders of its reports, from each module
  case $1 in
    gateway-unit) say unit ;;
    gateway-[abc]) say "${1#gateway-}" ;;
    simulations) say computations simulations ;;
    console) say all ;;
    classes) printf 'only-%s ' "${classes[@]}" ;;
    timing-[12]) ;; # its third turn judges all
    timing-3) say timing-1 timing-2 timing-3 ;;
    *) say "$1" ;;
  esac
}
# failed_cases PART: lines of CLASS#METHOD and what it said. Where there are three turns, of what failed in two of them: that is the median.
failed_cases() {
  local folder least=1 folders=()
  [[ $1 != timing-3 ]] || least=2
  for folder in $(reports_of "$1"); do folders+=("$home"/{native-engine,gateway,console}/target/test-reports/"$folder"); done
  ((${#folders[@]})) || return 0
  find "${folders[@]}" -name 'TEST-*.xml' -exec cat {} + 2>/dev/null | awk -v least="$least" '
    function plain(text) {
      gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&#(10|9|13);/, " ", text); gsub(/&amp;/, "\\&", text)
      return text
    }
    /<testcase / {
      match($0, /classname="[^"]*"/); class = substr($0, RSTART + 11, RLENGTH - 12)
      match($0, / name="[^"]*"/); method = substr($0, RSTART + 7, RLENGTH - 8)
      sub(/^.*\./, "", class); sub(/\(.*$/, "", method)
      name = plain(class "#" method)
    }
    /<(failure|error)[ >]/ {
      if (!(name in times)) names[++count] = name
      times[name]++
      what[name] = match($0, /message="[^"]*"/) ? substr(plain(substr($0, RSTART + 9, RLENGTH - 10)), 1, 300) : ""
    }
    END {for (i = 1; i <= count; i++) if (times[names[i]] >= least) print names[i] "\t" what[names[i]]}'
}
passed_cases() {
  find "$home"/{native-engine,gateway,console}/target/test-reports -name 'TEST-*.xml' -exec grep -ho '<testsuite [^>]*' {} + 2>/dev/null |
    sed -E 's/.* tests="([0-9]+)" skipped="([0-9]+)" failures="([0-9]+)" errors="([0-9]+)".*/\1 \2 \3 \4/' | awk '{n += $1 - $2 - $3 - $4} END {print n + 0}' || true # a module may have none
}
conclude() { # what failed, each with the command that repeats it
  local part name what failed=0 passed
  [[ ! -s $failures ]] || failed=$(wc -l <"$failures")
  passed=$(passed_cases)
  if ((failed)); then
    say "${bold}What failed${off}; ./switchboard test --failed repeats all of it"
    while IFS=$'\t' read -r part name what; do
      say "  ${red}$name${off}  $what"
      say "    ./switchboard test --only '${name%%[#$]*}'  ${dim}its log: ${logs#"$home"/}/$part.log${off}"
    done <"$failures"
  fi
  say "$passed passed, $failed failed"
  ((!failed)) || exit 1
  say "${bold}All green${off} ${dim}($((SECONDS - begun_tests)) s)${off}"
}
