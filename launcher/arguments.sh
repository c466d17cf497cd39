# shellcheck shell=bash
# What is written after ./switchboard, checked before anything is installed or built.

usage_error() {
  exit_status=2
  fail "$*"
}
# one_of WORD LINES: whether one of the lines is the word. A grep -q behind a pipe would end before all is written to it, and a writer
# that dies of that fails the pipe.
one_of() { [[ -n $1 && $'\n'$2$'\n' == *$'\n'"$1"$'\n'* ]]; }
# nearest WORD CANDIDATE...: the candidate that WORD is a misspelling of; nothing when none is near. Transposed neighbours count as one.
nearest() {
  awk 'function least(a, b) {return a < b ? a : b}
    function distance(s, t,   i, j, c, d) {
      for (i = 0; i <= length(s); i++) d[i, 0] = i
      for (j = 0; j <= length(t); j++) d[0, j] = j
      for (i = 1; i <= length(s); i++) for (j = 1; j <= length(t); j++) {
        c = substr(s, i, 1) != substr(t, j, 1)
        d[i, j] = least(least(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + c)
        if (i > 1 && j > 1 && substr(s, i, 1) == substr(t, j - 1, 1) && substr(s, i - 1, 1) == substr(t, j, 1))
          d[i, j] = least(d[i, j], d[i - 2, j - 2] + 1)
      }
      return d[length(s), length(t)]
    }
    BEGIN {
      word = ARGV[1]; best = length(word) - (word ~ /^--/ ? 2 : 0) > 5 ? 3 : 2
      for (k = 2; k < ARGC; k++) {
        n = index(ARGV[k], word) == 1 && length(word) > 2 ? 1 : distance(word, ARGV[k])
        if (n <= best && n < length(ARGV[k]) - (ARGV[k] ~ /^--/ ? 2 : 0)) {best = n - 1; found = ARGV[k]}
      }
      print found
    }' "$@"
}
# did_you_mean WORD CANDIDATE...: as an addition to a complaint.
did_you_mean() {
  local near
  near=$(nearest "$@")
  printf '%s' "${near:+; did you mean $near?}"
}
# flags_of COMMAND[/PART]: lines of FLAG VALUE.
flags_of() { awk -v want="$1" '$1 !~ /^#/ {n = split($1, names, ","); for (i = 1; i <= n; i++) if (names[i] == want) print $2, $3}' "$home/launcher/flags"; }
# check_arguments COMMAND[/PART] ARGUMENT...: every flag known, with a value that can be used. Words that are no flags are the command's.
check_arguments() {
  local name=$1 flag kind known=() kinds=()
  shift
  while read -r flag kind; do known+=("$flag") kinds+=("$flag=$kind"); done < <(flags_of "$name")
  while (($#)); do
    flag=${1%%=*}
    case $1 in
      --) return ;;
      -?*) ;;
      *) shift && continue ;;
    esac
    kind=$(printf '%s\n' ${kinds[@]+"${kinds[@]}"} | sed -n "s/^$(literal "$flag")=//p")
    [[ -n $kind ]] || usage_error "${name/\// } takes no '$1'$(did_you_mean "$flag" ${known[@]+"${known[@]}"} --help --version); ./switchboard ${name/\// } --help"
    if [[ $kind == - ]]; then
      [[ $1 != *=* ]] || usage_error "$flag takes no value"
    elif [[ $1 == *=* ]]; then
      check_value "$flag" "$kind" "${1#*=}"
    else
      (($# > 1)) || usage_error "$flag needs a value"
      shift
      check_value "$flag" "$kind" "$1"
    fi
    shift
  done
}
choices() { # choices A|B WORD
  local words
  IFS='|' read -ra words <<<"$1"
  did_you_mean "$2" "${words[@]}"
}
literal() { sed 's/[][\.*^$/]/\\&/g' <<<"$1"; }
check_value() { # check_value FLAG KIND VALUE
  case $2 in
    number) [[ $3 =~ ^[0-9]{1,9}$ ]] || usage_error "$1 needs a number, not '$3'" ;;
    [0-9]*-[0-9]*)
      [[ $3 =~ ^[0-9]{1,9}$ && $((10#0$3)) -ge ${2%-*} && $((10#0$3)) -le ${2#*-} ]] ||
        usage_error "$1 needs a number from ${2%-*} to ${2#*-}, not '$3'"
      ;;
    port) is_port "$3" || usage_error "$1 needs a port from 1 to 65535, not '$3'" ;;
    address) is_address "$3" || usage_error "$1 needs an address to listen on, such as 127.0.0.1 or 0.0.0.0, not '$3'" ;;
    companions) check_names "$1" "$3" prometheus zipkin ;;
    file) [[ -f $3 && -r $3 ]] || usage_error "$1: cannot read $3$(beside_it "$3")" ;;
    model)
      [[ -f $3 && -r $3 ]] || usage_error "$1: cannot read the model $3$(beside_it "$3")"
      [[ $(head -c 4 "$3") == GGUF ]] || usage_error "$1: $3 is no GGUF file: it does not begin with the letters GGUF"
      ;;
    *'|'*) [[ "|$2|" == *"|$3|"* ]] || usage_error "$1 is one of ${2//|/, }, not '$3'$(choices "$2" "$3")" ;;
    console) [[ $3 == console ]] || usage_error "$1 knows console only, not '$3'" ;;
  esac
}
# beside_it FILE: a file of a like name in the same folder.
beside_it() {
  local folder files
  folder=$(dirname "$1")
  [[ -d $folder ]] || return 0
  mapfile -t files < <(cd "$folder" && printf '%s\n' * | head -n 200)
  did_you_mean "$(basename "$1")" ${files[@]+"${files[@]}"}
}
# check_names FLAG LIST NAME...: what the list has between its commas is among the names.
check_names() {
  local name
  while IFS= read -r -d , name; do
    one_of "$name" "$(printf '%s\n' "${@:3}")" || usage_error "$1 knows $(listed "${@:3}"), not '$name'$(did_you_mean "$name" "${@:3}")"
  done <<<"$2,"
}
listed() { printf '%s' "$1" && printf ' and %s' "${@:2}"; }
# An address of IPv4 or IPv6, or the name of a host; whether this machine has it, the gateway finds out.
is_address() {
  local part parts
  case $1 in
    *:*) [[ $1 =~ ^[0-9a-fA-F:.]+(%[A-Za-z0-9]+)?$ ]] ;;
    *[!0-9.]*) [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] ;;
    *)
      [[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ ]] || return 1
      IFS=. read -ra parts <<<"$1"
      for part in "${parts[@]}"; do ((10#$part < 256)) || return 1; done
      ;;
  esac
}
is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && ((10#$1 > 0 && 10#$1 < 65536)); }
without_words() { check_words "$1" 0 0 '' "${@:2}"; } # without_words COMMAND ARGUMENT...: the command takes flags only
# check_words COMMAND[/PART] LEAST MOST NAME ARGUMENT...: as many words that are no flags as the command takes, of which one is called NAME.
check_words() {
  local name=$1 least=$2 most=$3 what=$4 kind words=()
  shift 4
  while (($#)); do
    if [[ $1 == -- ]]; then
      words+=("${@:2}")
      break
    elif [[ $1 == -* ]]; then
      kind=$(flags_of "$name" | sed -n "s/^$(literal "$1") //p")
      [[ $1 == *=* || $kind == - ]] || shift
    else
      words+=("$1")
    fi
    shift
  done
  ((${#words[@]} >= least)) || usage_error "${name/\// } needs $what; ./switchboard ${name/\// } --help"
  ((${#words[@]} <= most)) || usage_error "${name/\// } takes no '${words[most]}'; ./switchboard ${name/\// } --help"
}
# check_config PART ARGUMENT...: what the part takes, and the file, before anything is built for it.
check_config() {
  case ${1:-} in
    check)
      check_words config/check 1 1 'a file' "${@:2}"
      [[ -f $2 && -r $2 ]] || usage_error "config check: cannot read $2$(beside_it "$2")"
      ;;
    init)
      check_words config/init 0 1 '' "${@:2}"
      [[ -z ${2:-} || ! -e $2 ]] || fail "there is a file $2 already; nothing was written"
      ;;
    *) without_words "config/$1" "${@:2}" ;;
  esac
}
without_options() { # without_options COMMAND ARGUMENT...
  (($# == 1)) || usage_error "$1 takes no options, and '$2' is given; ./switchboard $1 --help"
}
# part_of COMMAND ARGUMENT...: what its flags are listed under.
part_of() {
  case $1 in
    bench | keys | config) [[ -z ${2:-} || $2 == -* ]] && printf '%s' "$1" || printf '%s/%s' "$1" "$2" ;;
    *) printf '%s' "$1" ;;
  esac
}
parts_of() { # parts_of COMMAND: the words that may follow it
  case $1 in
    bench) printf '%s\n' engine gateway serving chaos why tail telemetry exemplars dispatch scaling fleet console discovery kernels constraint step ;;
    keys) printf '%s\n' create list revoke ;;
    config) printf '%s\n' check reference init ;;
    images) printf '%s\n' gateway console worker worker-cuda ;;
    logs) printf '%s\n' gateway console prometheus zipkin ;;
    completion) printf '%s\n' bash ;;
  esac
}

# ---------------------------------------------------------------- completion

# shellcheck disable=SC2016 # for the shell that reads it
completion() {
  [[ ${1:-} == bash && $# == 1 ]] || usage_error "completion is for bash: source <(./switchboard completion bash)"
  local name part names
  names=$(commands | tr '\n' ' ')
  say '# Completion of ./switchboard: source <(./switchboard completion bash)'
  say '_switchboard_files() { mapfile -t COMPREPLY < <(compgen -f -- "$word"); }'
  say '_switchboard() {'
  say '  local word=${COMP_WORDS[COMP_CWORD]} name=${COMP_WORDS[1]:-} before=${COMP_WORDS[COMP_CWORD - 1]} words'
  say '  [[ $name != bench && $name != keys && $name != config || $COMP_CWORD -le 2 ]] || name+=/${COMP_WORDS[2]}'
  say '  ((COMP_CWORD > 1)) || name='
  say '  case "$name $before" in'
  completion_of_values
  say '  esac'
  say '  case $name in config/check | config/init | diagnostics) [[ $word == -* ]] || { _switchboard_files; return; } ;; esac'
  say '  case $name in'
  say "    '') words='${names% }' ;;"
  for name in $names $(awk '$1 ~ /\// {gsub(",", "\n", $1); print $1}' "$home/launcher/flags" | sort -u); do
    part=$(flags_of "$name" | awk '{printf "%s ", $1}')
    say "    $name) words='$([[ $name == */* ]] || parts_of "$name" | tr '\n' ' ') ${part}--help --version' ;;"
  done
  say "    config/*) words='--help --version' ;;"
  say '    *) words=--help ;;'
  say '  esac'
  say '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")'
  say '}'
  say 'complete -o default -F _switchboard switchboard ./switchboard'
}
# After a flag that takes something: files, the words that it takes, or nothing; else the shell would offer files for a number.
completion_of_values() {
  local names flag kind name
  while read -r names flag kind; do
    for name in ${names//,/ }; do
      case $kind in
        - | '') continue ;;
        model | file | out) say "    '$name $flag') _switchboard_files; return ;;" ;;
        companions) values_are "$name $flag" prometheus zipkin prometheus,zipkin ;;
        console) values_are "$name $flag" console ;;
        *'|'*) values_are "$name $flag" "${kind//|/ }" ;;
        *) say "    '$name $flag') compopt +o default; return ;;" ;;
      esac
    done
  done < <(grep -v '^#' "$home/launcher/flags")
}
# shellcheck disable=SC2016 # for the shell that reads it
values_are() { say "    '$1') mapfile -t COMPREPLY < <(compgen -W '${*:2}'"' -- "$word"); return ;;'; } # values_are PLACE WORD...
