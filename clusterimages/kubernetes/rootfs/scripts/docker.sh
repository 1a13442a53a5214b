#!/bin/bash
# Puts docker on the host, or uses the one that is there: docker.sh [storage=/var/lib/docker]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh
. "$here/lib.sh"
storage=${1:-/var/lib/docker}

trust_registry() {
  install_file "$rootfs/certs/ca.crt" "/etc/docker/certs.d/$registry/ca.crt"
}

install_docker() {
  local foreign
  foreign=$(host_program containerd)
  [ -z "$foreign" ] || die "this host has $foreign but no docker; sealer neither changes nor replaces it: remove it, or install docker as well"
  unpack "$rootfs/cri/docker.tar.gz" docker /usr/bin
  sed "s/sea\.hub:5000/$registry/g" "$rootfs/etc/daemon.json" | install_text /etc/docker/daemon.json
  local options=
  if ! grep -q '"data-root"' /etc/docker/daemon.json; then options="--data-root=$storage"; fi
  make_folder /etc/sealer
  printf 'DOCKER_OPTIONS=%s\n' "$options" | install_text /etc/sealer/docker.env
  install_file "$rootfs/etc/docker.service" /etc/systemd/system/docker.service
  start_service docker.service
}

# The rule for a docker that sealer did not put there: it is used as it is, if it fits.
use_docker_of_host() {
  systemctl is-active --quiet docker || systemctl start docker || die "the docker of this host ($1) does not start"
  local version
  version=$(docker version --format '{{.Server.Version}}') || die "the docker of this host ($1) does not answer"
  local major=${version%%.*}
  [ "$major" -ge 18 ] 2> /dev/null || die "the docker of this host ($1) is $version; Kubernetes needs 18.09 or later"
}

existing=$(host_program dockerd)
if [ -n "$existing" ]; then use_docker_of_host "$existing"; else install_docker; fi
# Afterwards, for another certificate is no reason to restart docker, and with it every pod.
trust_registry
wait_until 60 "docker answers" docker info
# dockerd has just set it to DROP.
iptables -w -P FORWARD ACCEPT
driver=$(docker info --format '{{.CgroupDriver}}')
note_cgroup_driver "$driver"
