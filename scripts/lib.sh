# shellcheck shell=bash
# What scripts/quickstart and scripts/test share: look at the machine, install what is missing, say what happens.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SEALER_CACHE=${SEALER_CACHE:-/var/cache/sealer}
export DEBIAN_FRONTEND=noninteractive
started=$(date +%s)

say() { printf '[%4ds] %s\n' "$(($(date +%s) - started))" "$*"; }
stop() { # CODE MESSAGE...
  local code=$1
  shift
  printf 'error: %s\n' "$*" >&2
  exit "$code"
}

need_root_on_debian() {
  [ "$(id -u)" = 0 ] || stop 4 "this needs root: hosts are made of namespaces, and packages are installed. Run it with sudo."
  [ -r /etc/os-release ] || stop 4 "this needs Debian 12: there is no /etc/os-release here."
  # shellcheck disable=SC1091
  [ "$(. /etc/os-release && echo "$ID:${VERSION_ID:-}")" = debian:12 ] ||
    stop 4 "this needs Debian 12; this is $(. /etc/os-release && echo "$PRETTY_NAME")."
}

# Debian packages by name; those that are there already cost nothing. What is installed is written down, so that
# --clean can tell how to remove it.
install_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ "${#missing[@]}" = 0 ] && return 0
  say "Debian packages to install: ${missing[*]} (about a minute)"
  mkdir -p "$SEALER_CACHE/log"
  local log=$SEALER_CACHE/log/apt.log
  apt-get install -y -q --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { apt-get update -q >>"$log" 2>&1 && apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$log" 2>&1; } ||
    { tail -n 20 "$log" >&2; stop 4 "apt-get could not install ${missing[*]}; its whole output is in $log"; }
  printf '%s\n' "${missing[@]}" >>"$SEALER_CACHE/installed-packages"
}

# Programs of Debian packages without installing them, so that no service of theirs starts on this machine: unpacked
# into the cache and put on the PATH.
unpack_packages() {
  local folder name
  folder=$SEALER_CACHE/unpacked/$(IFS=-; echo "$*")
  if [ ! -e "$folder/.complete" ]; then
    say "Debian packages to unpack: $* (seconds)"
    rm -rf "$folder"
    mkdir -p "$folder" "$SEALER_CACHE/log"
    local log=$SEALER_CACHE/log/apt.log
    (cd "$folder" && { apt-get -o APT::Sandbox::User=root download "$@" ||
      { apt-get update -q && apt-get -o APT::Sandbox::User=root download "$@"; }; }) >>"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; stop 4 "apt-get could not download $*; its whole output is in $log"; }
    for name in "$folder"/*.deb; do dpkg-deb -x "$name" "$folder"; done
    rm "$folder"/*.deb
    touch "$folder/.complete"
  fi
  export PATH=$folder/usr/sbin:$folder/usr/bin:$PATH
}

# npm packages as package-lock.json names them, the pinned Node among them; again only after the lock file changed.
install_npm_packages() {
  install_packages libatomic1 libstdc++6
  command -v npm >/dev/null || install_packages npm
  local stamp=$project/node_modules/.sealer-lock
  cmp -s "$project/package-lock.json" "$stamp" && return 0
  say "npm packages, Node 26 among them (about half a minute)"
  local log=$SEALER_CACHE/log/npm.log
  mkdir -p "$SEALER_CACHE/log"
  (cd "$project" && npm ci --no-audit --no-fund --ignore-scripts) >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; stop 4 "npm ci failed; its whole output is in $log"; }
  cp "$project/package-lock.json" "$stamp"
}
