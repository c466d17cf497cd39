# shellcheck shell=bash
# doctor: what is missing or wrong on this machine.

faults=0
check() { # check ok|warn|bad NAME TEXT
  local mark
  case $1 in
    ok) mark="${green}ok  ${off}" ;;
    warn) mark="${yellow}note${off}" ;;
    bad) mark="${red}bad ${off}" faults=$((faults + 1)) ;;
  esac
  printf '  %s  %-12s %s\n' "$mark" "$2" "$3"
}
tool() { # tool NAME COMMAND PACKAGE
  if command -v "$2" >/dev/null; then
    check ok "$1" "$(JAVA_HOME=$(find_java) "$2" --version 2>/dev/null | head -n 1 | sed "s/\x1b\[[0-9;]*m//g")"
  else
    check bad "$1" "missing; ./switchboard up installs $3"
  fi
}
port() { # port NUMBER FLAG
  if ! listening "$1"; then
    check ok "port $1" "free"
  else
    check bad "port $1" "taken by another program; choose another with $2"
  fi
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
flag() { ! grep -qw -m1 "$1" /proc/cpuinfo || printf '%s ' "$2"; }
# Control groups of version 2 that this process is in, from its own to the root; within a container the root is its own.
control_groups() {
  local root=${SWITCHBOARD_CGROUP_ROOT:-/sys/fs/cgroup} path
  path=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null) || true
  [[ -d $root$path ]] || path=/
  while :; do
    say "$root${path%/}"
    [[ $path == */* && $path != / ]] || return 0
    path=${path%/*}
    path=${path:-/}
  done
}
# free_memory_mib: the least of what the machine and each control group has to give. A group's file cache can be given back.
free_memory_mib() {
  local free group limit used cache left
  free=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
  while IFS= read -r group; do
    limit=$(cat "$group/memory.max" 2>/dev/null) || continue
    [[ $limit =~ ^[0-9]+$ ]] || continue
    used=$(cat "$group/memory.current")
    cache=$(awk '$1 == "inactive_file" {print $2}' "$group/memory.stat" 2>/dev/null || true)
    left=$(((limit - used + ${cache:-0}) / 1048576))
    ((left >= free)) || free=$left
  done < <(control_groups)
  printf '%s' "$((free > 0 ? free : 0))"
}
memory_limit() { # the tightest limit of a control group, where there is one
  local group limit least=''
  while IFS= read -r group; do
    limit=$(cat "$group/memory.max" 2>/dev/null) || continue
    [[ ! $limit =~ ^[0-9]+$ ]] || { [[ -n $least ]] && ((least <= limit)); } || least=$limit
  done < <(control_groups)
  printf '%s' "${least:+ of the $((least / 1048576)) that this control group may use}"
}
killed_for_memory() {
  local group
  group=$(control_groups | head -n 1)
  awk '$1 == "oom_kill" {n = $2} END {print n + 0}' "$group/memory.events" 2>/dev/null || printf 0
}
system_name() { sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release 2>/dev/null | grep . || printf unknown; }
# GPUs as a worker sees them: a line for each, and one for each thing to know.
gpus() { # gpus JAVA
  local mark=ok told line
  if [[ -z $1 || ! -s ${worker_class_path%%:*} ]]; then
    check ok GPU "looked for once this is built"
    return
  fi
  told=$("$1/bin/java" -XX:TieredStopAtLevel=1 --enable-native-access=ALL-UNNAMED -cp "$worker_class_path" \
    dev.switchboard.worker.DevicesMain 2>/dev/null) || mark=warn
  while IFS= read -r line; do
    case $line in
      device\ *) [[ -s $cuda_library ]] || line+=" (${cuda_library##*/} is not built: the CPU computes)" ;&
      devices\ *) check ok GPU "$line" ;;
      *) check "$mark" GPU "${line:-the driver could not be asked}" ;;
    esac
  done <<<"$told"
}
# What is written to: the checkout, with what is built.
disk_of_this() { printf '%s' "$home"; }
tools_for_building() {
  local java
  java=$(find_java)
  if [[ -n $java ]]; then check ok JDK "$("$java/bin/javac" -version 2>&1) in $java"; else check bad JDK "none of version $java_major or newer; ./switchboard up installs openjdk-$java_major-jdk-headless"; fi
  tool Maven mvn maven
  tool CMake cmake cmake
  tool Ninja ninja ninja-build
  tool compiler c++ g++
  if [[ -e /usr/include/gtest/gtest.h ]]; then check ok GoogleTest "found"; else check warn GoogleTest "missing; ./switchboard test installs libgtest-dev"; fi
  if command -v g++-14 >/dev/null && command -v clang++-19 >/dev/null; then check ok "compilers" "g++ 14 and clang 19 for the tests"; else check warn "compilers" "g++-14 or clang-19 is missing; ./switchboard test installs them"; fi
  if [[ -n $(find_postgres) ]]; then check ok PostgreSQL "$("$(find_postgres)" --version)"; else check warn PostgreSQL "missing; ./switchboard test installs postgresql"; fi
  if command -v valkey-server >/dev/null; then check ok Valkey "$(valkey-server --version | cut -d ' ' -f 1-3)"; else check warn Valkey "missing; ./switchboard test installs valkey-server"; fi
  if command -v promtool >/dev/null; then check ok Prometheus "$(promtool --version 2>&1 | head -n 1)"; else check warn Prometheus "missing; ./switchboard test installs prometheus"; fi
}
state_of_build() { if stale; then check warn build "not built, or sources have changed; ./switchboard up builds"; else check ok build "up to date"; fi; }
doctor() {
  local memory_mib disk_mib features killed
  say "${bold}Switchboard doctor${off}"
  check ok system "$(system_name), $(uname -m), $(nproc) cores"
  tools_for_building
  features=$(flag avx2 AVX2)$(flag fma FMA)$(flag avx512f AVX-512)$(flag avx512_vnni VNNI)$(flag avx512_bf16 BF16)$(flag amx_int8 AMX)
  if [[ $features == *AVX-512*VNNI* ]]; then
    check ok CPU "$features"
  elif [[ $features == *AVX2*FMA* ]]; then
    check ok CPU "$features(no AVX-512 VNNI: the AVX2 kernels serve)"
  else
    check warn CPU "${features:-no vector extensions known }(the reference kernels serve; expect them to be slow)"
  fi
  gpus "$(find_java)"
  memory_mib=$(free_memory_mib)
  if ((memory_mib >= 1500)); then
    check ok memory "$memory_mib MiB free$(memory_limit)"
  else
    check bad memory "$memory_mib MiB free$(memory_limit), at least 1500 are wanted; less, and the kernel kills what asks for more (status 137)"
  fi
  killed=$(killed_for_memory)
  ((killed == 0)) || check warn memory "the kernel killed $killed processes of this control group for want of memory since it was made"
  disk_mib=$(df -Pm "$(disk_of_this)" | awk 'NR == 2 {print $4}')
  if ((disk_mib >= 1500)); then check ok disk "$disk_mib MiB free"; else check bad disk "$disk_mib MiB free, at least 1500 are wanted for the build"; fi
  state_of_build
  if [[ -d $state && ! -x $state ]]; then
    check bad state "$state is for the user $(stat -c %U "$state") alone: what runs there answers no other"
  elif [[ -n $(gateway_pid) ]]; then
    check ok gateway "$(brief "$(gateway_pid)")"
  else
    check ok gateway "not running"
    port 8080 --port
    port 9901 --admin-port
  fi
  ((faults == 0)) || fail "$faults thing(s) above need attention"
}
