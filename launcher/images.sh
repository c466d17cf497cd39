# shellcheck shell=bash
# images: container images without a registry.

image_parts=(gateway console worker worker-cuda)
# How they are made is in images/README.md.
images() {
  local wanted=() output=$home/target/images part
  while (($#)); do
    case $1 in
      --output=*) output=$(realpath -m "${1#*=}") ;;
      --output) output=$(realpath -m "$2") && shift ;;
      gateway | console | worker | worker-cuda) wanted+=("$1") ;;
      *) usage_error "images are ${image_parts[*]}, not '$1'$(did_you_mean "$1" "${image_parts[@]}"); ./switchboard images --help" ;;
    esac
    shift
  done
  [[ " ${wanted[*]-} " != *" worker-cuda "* ]] || require_cuda_library
  ((EUID == 0)) || fail "images are built as root: mmdebstrap and buildah make files of other users. Run it with sudo"
  has_room "$output" 2500
  install_missing images
  build
  ((${#wanted[@]})) || { wanted=(gateway console worker) && [[ ! -s $cuda_library ]] || wanted+=(worker-cuda); }
  of_the_commits_time
  say "Images"
  step "Debian's libraries" images-root "$home/images/root" "$output/.switchboard-work/root"
  for part in "${wanted[@]}"; do step "$part" "image-$part" "$home/images/build" "$part" "$output" "${version%-SNAPSHOT}"; done
  rm -rf "$output/.switchboard-work" # a name that nobody's own folder has
  cat "$output"/*.size
  [[ -s $cuda_library || " ${wanted[*]} " != *" worker "* ]] || say "  worker-cuda is left out: ${cuda_library#"$home"/} is not built"
}
has_room() { # has_room FOLDER MIB: makes the folder
  local free
  mkdir -p "$1" || fail "cannot write $1"
  free=$(df -Pm "$1" | awk 'NR == 2 {print $4}')
  ((free >= $2)) || fail "$1 has $free MiB free, and $2 are wanted while it is built"
}
of_the_commits_time() { export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git -C "$home" log -1 --format=%ct 2>/dev/null || date +%s)}"; }
