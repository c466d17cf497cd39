# shellcheck shell=bash
# What the user sees: lines, colours where there is a terminal, and the progress of long steps.

colourful() { [[ -t $1 && -z ${SWITCHBOARD_PLAIN:-} && ${TERM:-dumb} != dumb ]]; } # colourful DESCRIPTOR
if colourful 1; then
  fancy=1 bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' off=$'\e[0m'
else
  fancy='' bold='' dim='' red='' green='' yellow='' off=''
fi
# Of standard error, which may be shown where standard output is kept, and kept where that is shown.
if colourful 2; then error_red=$'\e[31m' error_off=$'\e[0m'; else error_red='' error_off=''; fi

# Java names files by the locale, and in the one that is there where none is set it knows no others than those of ASCII.
letter=ä
((${#letter} == 1)) || { export LC_ALL=C.UTF-8; } 2>/dev/null

say() { printf '%s\n' "$*"; }
exit_status=1 # of what failed; a gateway's own where it told one
fail() {
  printf '%sswitchboard: %s%s\n' "$error_red" "$*" "$error_off" >&2
  exit "${exit_status:-1}"
}
# What moves: one line, rewritten in place on a terminal; elsewhere a line of its own, the first after so many seconds.
line_seconds=30
line_at=0 # when the latest was written, or when what they tell of began
moving() {
  if [[ -n $fancy ]]; then
    printf '\r\e[K  %s' "${1:0:$((${COLUMNS:-100} - 4))}"
  elif line_due; then
    line_at=$SECONDS
    say "  $1"
  fi
}
line_due() { ((SECONDS - line_at >= line_seconds)); }
settled() { [[ -z $fancy ]] || printf '\r\e[K'; }
bar() { # bar DONE TOTAL
  local width=24 filled=0
  (($2 > 0)) && filled=$(($1 * width / $2))
  printf '[%s%s]' "$(printf '%*s' "$filled" '' | tr ' ' '#')" "$(printf '%*s' $((width - filled)) '' | tr ' ' '.')"
}

# Logs, keys and the store are for the user alone.
own_folders() { mkdir -p "$run" "$logs" && chmod 700 "$state" "$run" "$logs"; }
# To anybody else nothing seems to run.
may_look() { [[ ! -d $state || -x $state ]] || fail "$state is for the user $(stat -c %U "$state") alone: what runs there answers no other$(of_own_checkout)"; }
of_own_checkout() { [[ ! -O ${state%/*} ]] || printf '. %s' "$(how_to_own)"; }
# may_write FOLDER...: a sudo ./switchboard leaves root's files. What writes them next would fail one by one, each in its own words. What
# only tests leave is in the way of tests.
may_write() {
  local file
  ((EUID)) || return 0
  file=$(find "$@" \( -name lost+found -o -name '*-reports' -o -name test-classes \) -prune -o ! -user "$EUID" ! -writable -print -quit 2>/dev/null) || true
  [[ -z $file ]] || fail "$file belongs to $(stat -c %U "$file"), and cannot be written. $(how_to_own)"
}
how_to_own() {
  local place
  printf 'When nothing runs, this hands it over: sudo chown -R %q' "$(id -un)"
  for place in "$state" "$data" "$home"/native-engine/build "$home"/*/target; do [[ ! -e $place ]] || printf ' %q' "$place"; done
}

# step TITLE LOG COMMAND...: runs it with its output in the log, shows that it lives and how far it is.
step() {
  local title=$1 log=$2
  shift 2
  [[ -n $fancy ]] || say "  $title ..."
  launch "$log" "$@"
  attend "$title" "$log" "$job"
}
launch() { # launch LOG COMMAND...: begins it as $job, which attend waits for
  own_folders
  rm -f "$logs/$1.status"
  set -m # a process group of its own, so that an interrupt can stop the whole tree
  noting "$@" >"$logs/$1.log" 2>&1 </dev/null 9>&- &
  job=$!
  set +m
  child "-$job"
}
# How it ended stands in a file: bash forgets that of a job that ended long ago as soon as another process gets its number.
noting() {
  trap 'exit 143' TERM # else its status would be that of the command before
  trap 'exit 130' INT
  trap 'printf %s "$?" >"$logs/'"$1"'.status"' EXIT
  "${@:2}"
}
attend() { # attend TITLE LOG PID: shows how far a job is, until it is done; one that fails ends all
  local title=$1 log=$logs/$2.log status=$logs/$2.status pid=$3 begun=$SECONDS last
  line_at=$SECONDS
  until [[ -s $status ]] || ! kill -0 "$pid" 2>/dev/null; do
    if [[ -n $fancy ]] || line_due; then
      last=$(tail -c 400 "$log" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 || true)
      moving "$title  ${dim}$((SECONDS - begun)) s$(remaining_of "$2" $((SECONDS - begun)))$(downloaded)  $(progress_of "$last")${off}"
    fi
    sleep 0.3
  done
  wait "$pid" 2>/dev/null || true
  if [[ -s $status && $(<"$status") == 0 ]]; then
    forget_child "-$pid"
    settled
    printf %s $((SECONDS - begun)) >"$logs/$2.seconds"
    say "  ${green}done${off}  $title ${dim}($((SECONDS - begun)) s)${off}"
  else
    settled
    say "  ${error_red}failed${error_off}  $title" >&2
    tail -n 40 "$log" >&2
    failed_tests "$log" >&2
    fail "$title failed; the whole output is in ${log#"$home"/}"
  fi
}
# The tests that Maven and CTest name as failed, each with what it said: a module that goes on after one ends its log with something else.
failed_tests() { # failed_tests LOG
  local failed
  failed=$({
    grep -aE -A 8 '^\[ERROR\] .* -- Time elapsed: .* <<< (FAILURE|ERROR)!' "$1"
    grep -aE '^[[:space:]]+[0-9]+ - .* \([A-Z][A-Za-z ]+\)|^\[ERROR\] The forked VM terminated' "$1"
  } | cut -c 1-400 | head -n 100) || true
  [[ -z $failed ]] || printf '%s\n' "These tests failed, at least once:" "$failed"
}
# remaining_of STEP SECONDS: how long a step that runs for so long goes on, by how long it took last; nothing where it never ran.
remaining_of() {
  local before
  before=$(cat "$logs/$1.seconds" 2>/dev/null) && [[ $before =~ ^[0-9]{1,6}$ ]] && ((before > 0)) || return 0
  if ((before > $2)); then printf ', about %s s left' $((before - $2)); else printf ', longer than the %s s of last time' "$before"; fi
}
# What a step downloads, where it told the file or folder that grows and how many bytes there will be: downloading="PATH BYTES".
downloading=''
downloaded() {
  local kib
  [[ -n $downloading ]] || return 0
  kib=$(du -sk "${downloading% *}" 2>/dev/null | cut -f 1) || return 0
  ((${kib:-0} < 1024)) || printf ', %s of %s MiB' $((kib / 1024)) $((${downloading##* } >> 20))
}
# A bar when the tool counts ([12/80] of Ninja and CTest), else its own last line.
progress_of() {
  if [[ $1 =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
    bar "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    printf ' %s/%s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  else
    printf '%s' "${1:0:70}"
  fi
}

# What ends with this script: for each process, or group (-PID), its number and when it began. In the days of an `up` the kernel gives the
# number of one that has ended to somebody else's.
children=()
child() { children+=("$1 $(begun_at "${1#-}")"); } # child PID | child -PID
forget_child() { # forget_child PID | -PID
  local each kept=()
  for each in ${children[@]+"${children[@]}"}; do [[ $each == "$1 "* ]] || kept+=("$each"); done
  children=(${kept[@]+"${kept[@]}"})
}
begun_at() { # begun_at PID: in clock ticks since the boot; nothing of one that is not there
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -ra fields <<<"${stat##*) }"
  printf %s "${fields[19]}"
}
stop_children() {
  local each number now
  for each in ${children[@]+"${children[@]}"}; do
    number=${each%% *}
    now=$(begun_at "${number#-}")
    # No process gets the number of a group that is left without its first one.
    [[ $now == "${each#* }" || -z $now && $number == -* ]] || continue
    kill -- "$number" 2>/dev/null || true
  done
  services_may_start
}
