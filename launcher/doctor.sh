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
system_name() { sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release 2>/dev/null | grep . || printf unknown; }
doctor() {
  local java memory_mib disk_mib features
  say "${bold}Switchboard doctor${off}"
  check ok system "$(system_name), $(uname -m), $(nproc) cores"
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
  features=$(flag avx2 AVX2)$(flag fma FMA)$(flag avx512f AVX-512)$(flag avx512_vnni VNNI)$(flag avx512_bf16 BF16)$(flag amx_int8 AMX)
  if [[ $features == *AVX-512*VNNI* ]]; then
    check ok CPU "$features"
  elif [[ $features == *AVX2*FMA* ]]; then
    check ok CPU "$features(no AVX-512 VNNI: the AVX2 kernels serve)"
  else
    check warn CPU "${features:-no vector extensions known }(the reference kernels serve; expect them to be slow)"
  fi
  if command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; then
    check ok GPU "$(nvidia-smi --query-gpu=name,memory.total --format=csv,noheader | head -n 1) (this version computes on the CPU)"
  else
    check ok GPU "none; the CPU computes"
  fi
  memory_mib=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
  if ((memory_mib >= 1500)); then check ok memory "$memory_mib MiB free"; else check bad memory "$memory_mib MiB free, at least 1500 are wanted"; fi
  disk_mib=$(df -Pm "$home" | awk 'NR == 2 {print $4}')
  if ((disk_mib >= 1500)); then check ok disk "$disk_mib MiB free"; else check bad disk "$disk_mib MiB free, at least 1500 are wanted for the build"; fi
  if stale; then check warn build "not built, or sources have changed; ./switchboard up builds"; else check ok build "up to date"; fi
  if [[ -n $(gateway_pid) ]]; then
    check ok gateway "$(status)"
  else
    check ok gateway "not running"
    port 8080 --port
    port 9901 --admin-port
  fi
  ((faults == 0)) || fail "$faults thing(s) above need attention"
}
