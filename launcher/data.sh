# shellcheck shell=bash
# What no build brings back, in a folder of its own: the store (keys, tenants, usage, audit), that there were keys, the gateway's
# name, and the console's users. Nothing there is deleted with .switchboard.

# Earlier versions kept it in .switchboard. It moves once, and only while nothing runs that has it open.
settle_data() {
  local name moved=()
  if [[ ! -e $data ]]; then
    for name in store store-has-keys gateway-name console; do
      [[ ! -e $state/$name ]] || moved+=("$name")
    done
  fi
  if ((${#moved[@]})); then
    data_folder "$data.moving"
    for name in "${moved[@]}"; do mv "$state/$name" "$data.moving/"; done
    mv "$data.moving" "$data"
    say "Keys, tenants, usage, audit and the console's users are now in $(shown "$data"), which goes with no build: back that folder up"
  fi
  [[ " $* " == *" --accept-new-store "* || -e $data || ! -e $state/had-data ]] ||
    fail "$(shown "$data") is gone, and with it the API keys it may have held: the API would be open to anybody on this address. Restore the" \
      "folder from its backup, or start once with --accept-new-store"
  data_folder "$data"
  own_folders
  shown "$data" >"$state/had-data"
}
data_folder() { mkdir -p "$1" && chmod 700 "$1"; }
# A gateway of an earlier version that runs has its store where it was: who takes over from it uses that one.
data_of_running() { [[ -e $data || ! -e $state/store ]] || data=$state; }
shown() { printf '%s' "${1#"$home"/}"; }
