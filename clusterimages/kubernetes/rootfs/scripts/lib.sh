# shellcheck shell=bash
# What the scripts share; sourced, never run. It reads the place and the cluster's name from the folder it lies in, so
# that the scripts also work by hand.

rootfs=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cluster=${SEALER_CLUSTER:-$(basename "$(dirname "$rootfs")")}
data=/var/lib/sealer/data/$cluster
# What this host was like before, and what was put on it: clean.sh undoes exactly that.
state=$data/host-state
registry_domain=${RegistryDomain:-sea.hub}
registry_port=${RegistryPort:-5000}
# shellcheck disable=SC2034 # the scripts that source this use them
registry=${RegistryURL:-$registry_domain:$registry_port}
# shellcheck disable=SC2034
libraries=/usr/lib/sealer
# Programs by these names are looked for here even if the login's PATH is short.
export PATH=${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Set to 1 when install_file or unpack has changed something.
changed=0

# No script ends in silence: a command that fails without words of its own is named.
set -E
trap 'printf "%s: line %s: \`%s\` failed\n" "$(basename "$0")" "$LINENO" "$BASH_COMMAND" >&2' ERR

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

have() { command -v "$1" > /dev/null 2>&1; }

# The runtime that was asked for, or else the only one in the image.
container_runtime() {
  local runtime=${ContainerRuntime:-}
  if [ -z "$runtime" ]; then
    for runtime in docker containerd; do [ ! -e "$rootfs/cri/$runtime.tar.gz" ] || break; done
  fi
  case $runtime in
    docker | containerd) echo "$runtime" ;;
    *) die "container runtime '$runtime' is not known; ContainerRuntime must be docker or containerd" ;;
  esac
}

# remember NAME COMMAND...: keeps what the command prints, the first time only.
remember() {
  local name=$1
  shift
  [ -e "$state/$name" ] && return 0
  "$@" > "$state/.$name"
  mv "$state/.$name" "$state/$name"
}

# note FILE LINE: adds a line to one of the lists in the state, once.
note() {
  touch "$state/$1"
  grep -Fxq -- "$2" "$state/$1" || printf '%s\n' "$2" >> "$state/$1"
}

# Whether a path was put there by these scripts.
ours() { grep -Fxqs -- "$1" "$state/files"; }

# The path of a program that the host had before sealer came; nothing where it has none.
host_program() {
  local path
  while read -r path; do
    if ! ours "$path" && ! ours "$(readlink -f "$path")"; then
      echo "$path"
      return 0
    fi
  done < <(type -aP "$1" || true)
}

# Makes a folder and notes each part of the path that was not there.
make_folder() {
  [ -d "$1" ] && return 0
  make_folder "$(dirname "$1")"
  note folders "$1"
  mkdir "$1"
}

# claim TARGET: notes that the file is ours from now on; what the host had there is kept aside.
claim() {
  ours "$1" && return 0
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p "$state/saved$(dirname "$1")"
    cp -a "$1" "$state/saved$1"
    [ -L "$1" ] || sync -- "$state/saved$1"
  fi
  note files "$1"
}

# install_file SOURCE TARGET [MODE]: atomic, and nothing happens where the content is right already.
install_file() {
  local source=$1 target=$2 mode=${3:-644}
  [ -e "$source" ] || die "the image has no $source"
  make_folder "$(dirname "$target")"
  claim "$target"
  if [ -f "$target" ] && [ ! -L "$target" ] && cmp -s "$source" "$target"; then
    chmod "$mode" "$target"
    return 0
  fi
  cp "$source" "$target.sealer-new"
  chmod "$mode" "$target.sealer-new"
  mv -f "$target.sealer-new" "$target"
  changed=1
}

# install_text TARGET [MODE] < text
install_text() {
  local text
  text=$(mktemp)
  cat > "$text"
  install_file "$text" "$1" "${2:-644}"
  rm -f "$text"
}

# unpack ARCHIVE PREFIX TARGET: the files below PREFIX in a .tar.gz (`.` for all) become files of the folder TARGET.
unpack() {
  local archive=$1 prefix=$2 target=$3 digest staging name
  [ -e "$archive" ] || die "the image has no $archive"
  digest=$(sha256sum < "$archive")
  make_folder "$target"
  if [ "$(cat "$state/unpacked-$(basename "$archive")" 2> /dev/null)" = "$digest" ]; then
    local missing=0
    while read -r name; do [ -e "$target/$name" ] || missing=1; done < "$state/names-$(basename "$archive")"
    [ "$missing" = 1 ] || return 0
  fi
  # In the target's own file system, so that each file comes by a rename.
  note staging-folders "$target"
  rm -rf "$target"/.sealer-??????
  staging=$(mktemp -d "$target/.sealer-XXXXXX")
  tar -xzf "$archive" -C "$staging" --no-same-owner || { rm -rf "$staging"; die "cannot unpack $archive"; }
  (cd "$staging/$prefix" && find . -mindepth 1 -maxdepth 1 ! -type d -printf '%P\n' | sort) > "$state/names-$(basename "$archive")"
  while read -r name; do
    claim "$target/$name"
    chmod 755 "$staging/$prefix/$name"
    mv -f "$staging/$prefix/$name" "$target/$name"
  done < "$state/names-$(basename "$archive")"
  rm -rf "$staging"
  printf '%s\n' "$digest" > "$state/unpacked-$(basename "$archive")"
  changed=1
}

# start_service NAME: enabled, and running what is installed now.
start_service() {
  systemctl daemon-reload
  systemctl enable --quiet "$1"
  if [ "$changed" = 1 ] && systemctl is-active --quiet "$1"; then
    systemctl restart "$1" || service_failed "$1"
  else
    systemctl start "$1" || service_failed "$1"
  fi
}

service_failed() {
  journalctl -u "$1" -n 15 --no-pager -o cat >&2 2> /dev/null || true
  die "$1 does not start; see journalctl -u $1"
}

# wait_until SECONDS WHAT COMMAND...
wait_until() {
  local seconds=$1 what=$2 end
  shift 2
  end=$((SECONDS + seconds))
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "$what: not so after $seconds seconds"
    sleep 0.2
  done
}

# The cgroup driver that the kubelet must use as well.
note_cgroup_driver() {
  make_folder /etc/sealer
  printf 'KUBELET_CGROUP_ARGS=--cgroup-driver=%s\n' "$1" | install_text /etc/sealer/kubelet.env
}
