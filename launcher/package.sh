# shellcheck shell=bash
# package: one archive that runs where it is unpacked.

# What is in there is in package/README.md.
package() { # package [--output FOLDER]
  local output=$home/target/package name work
  while (($#)); do
    case $1 in
      --output=*) output=$(realpath -m "${1#*=}") ;;
      --output) output=$(realpath -m "$2") && shift ;;
    esac
    shift
  done
  has_room "$output" 1500
  install_missing package
  build
  of_the_commits_time
  name=switchboard-${version%-SNAPSHOT}-linux-$(uname -m)
  work=$output/.switchboard-work # a name that nobody's own folder has: it is deleted
  say "Package"
  step "runtime, libraries and programs" package-stage "$home/package/lay-out" "$work" "$name" "${version%-SNAPSHOT}"
  step "what Java learns of its classes" package-learn "$home/package/learn" "$work/$name" "$work/learning"
  step "archive" package-archive "$home/package/pack" "$work" "$name" "$output"
  rm -rf "$work"
  say "  $(($(stat -c %s "$output/$name.tar.gz") >> 20)) MiB  ${output#"$home"/}/$name.tar.gz"
}
