# shellcheck shell=bash
# What a machine needs, and how it is installed.

java_version() { # java_version HOME: its major version, or 0
  local line major=0
  # A JDK says it in a file; to start one takes seconds where a gateway warms up.
  [[ -x $1/bin/javac ]] && { line=$(grep -sm 1 '^JAVA_VERSION=' "$1/release") || line=$("$1/bin/javac" -version 2>&1); } &&
    [[ $line =~ ([0-9]+) ]] && major=${BASH_REMATCH[1]}
  printf '%s' "$major"
}
find_java() {
  local candidate
  for candidate in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
    if (($(java_version "$candidate") >= java_major)); then
      printf '%s' "$candidate"
      return
    fi
  done
}
find_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || true; }
# Debian packages that are missing, for running ("") or for testing too ("test").
missing_packages() {
  [[ -n $(find_java) ]] || say openjdk-$java_major-jdk-headless
  command -v mvn >/dev/null || say maven
  command -v cmake >/dev/null || say cmake
  command -v ninja >/dev/null || say ninja-build
  command -v c++ >/dev/null || say g++
  command -v curl >/dev/null || say curl
  if [[ ${1:-} == test ]]; then
    [[ -e /usr/include/gtest/gtest.h ]] || say libgtest-dev
    command -v clang-format-19 >/dev/null || say clang-format-19
    command -v g++-14 >/dev/null || say g++-14
    command -v clang++-19 >/dev/null || say clang-19
    command -v pgrep >/dev/null || say procps
    command -v openssl >/dev/null || say openssl
    [[ -n $(find_postgres) ]] || say postgresql
    command -v valkey-server >/dev/null || say valkey-server
    command -v promtool >/dev/null || say prometheus
    command -v kubectl >/dev/null || say kubectl
    command -v shellcheck >/dev/null || say shellcheck
    command -v xz >/dev/null || say xz-utils
    command -v ccache >/dev/null || say ccache
  fi
  if [[ ${1:-} == chaos ]]; then
    # For a small disk that gets full; Debian has it in a package that is not essential.
    command -v mount >/dev/null || say mount
  fi
  if [[ ${1:-} == bench ]]; then
    [[ -e /usr/include/benchmark/benchmark.h ]] || say libbenchmark-dev
  fi
  if [[ ${1:-} == validators ]]; then
    command -v npm >/dev/null || say npm
    # What asserts the formats that the validator itself leaves to others.
    /usr/bin/python3 -c 'import jsonschema, rfc3339_validator, rfc3987, fqdn, isoduration' 2>/dev/null ||
      printf '%s\n' python3-jsonschema python3-rfc3339-validator python3-rfc3987 python3-fqdn python3-isoduration
  fi
  if [[ ${1:-} == console ]]; then
    command -v chromium >/dev/null || say chromium
  fi
  if [[ ${1:-} == fresh ]]; then
    command -v mmdebstrap >/dev/null || say mmdebstrap
    command -v pasta >/dev/null || say passt
  fi
  if [[ ${1:-} == package ]]; then
    command -v strip >/dev/null || say binutils
  fi
  if [[ ${1:-} == long ]]; then
    command -v podman >/dev/null || say podman
    command -v runc >/dev/null || say runc
    command -v ip >/dev/null || say iproute2
    command -v openssl >/dev/null || say openssl
    command -v kubectl >/dev/null || say kubectl
  fi
  if [[ ${1:-} == images ]]; then
    command -v mmdebstrap >/dev/null || say mmdebstrap
    command -v buildah >/dev/null || say buildah
    [[ -e /etc/containers/policy.json ]] || say golang-github-containers-common
    command -v strip >/dev/null || say binutils
  fi
}
as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }
policy=/usr/sbin/policy-rc.d
# The tests want programs, not services: none of a package's own starts, now or at the next boot. One that was there already stays as it is.
without_services() { # without_services PACKAGE...
  local package status=0
  if [[ ! -e $policy ]]; then
    # shellcheck disable=SC2016 # for the other shell
    as_root sh -c 'printf "#!/bin/sh\n# switchboard installs packages\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" || status=$?
  services_may_start
  for package; do
    case $package in
      postgresql | valkey-server | prometheus)
        # shellcheck disable=SC2016 # for the other shell
        as_root sh -c 'rm -f /etc/systemd/system/*.wants/"$1.service" && update-rc.d "$1" disable' sh "$package" || status=$?
        ;;
    esac
  done
  return $status
}
services_may_start() { ! grep -qs '^# switchboard installs packages$' "$policy" || as_root rm -f "$policy"; }
install_missing() {
  local packages
  mapfile -t packages < <(missing_packages "${1:-}")
  if ((${#packages[@]})); then
    command -v apt-get >/dev/null || fail "missing: ${packages[*]} (this is not Debian: install them by hand)"
    ((EUID == 0)) || command -v sudo >/dev/null || fail "missing: ${packages[*]} (not root and no sudo: install them by hand)"
    ((EUID == 0)) || sudo -v || fail "sudo is needed to install ${packages[*]}"
    say "Installing ${packages[*]}"
    step "package lists" apt-update as_root apt-get update -q
    step "packages" apt-install without_services "${packages[@]}"
  fi
  JAVA_HOME=$(find_java)
  [[ -n $JAVA_HOME ]] || fail "no JDK $java_major found, though its package is installed"
  export JAVA_HOME
}
