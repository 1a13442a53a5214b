#!/bin/bash
# Puts containerd on the host.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh
. "$here/lib.sh"

# The rule for a containerd that sealer did not put there: Kubernetes would need its configuration changed, so it is
# left alone, and the host is refused.
refuse_containerd_of_host() {
  local path
  path=$(host_program containerd)
  [ -z "$path" ] || die "this host already has $path, which sealer neither changes nor replaces; remove it first, or use an image with docker if the host has docker"
}

# Stock containerd asks the cluster's registry for every image, and says by ?ns= which registry was meant. A registry
# that is closed wants its login from everybody, also for the pause image, which no kubelet asks for.
trust_registry() {
  local folder=/etc/containerd/certs.d login text
  login=$(sed -n 's/.*"auth":"\([^"]*\)".*/\1/p' "$data/kubeadm/pull-login.json" 2> /dev/null || true)
  text="server = \"https://$registry\"

[host.\"https://$registry\"]
  capabilities = [\"pull\", \"resolve\"]
  ca = \"$folder/$registry/ca.crt\""
  [ -z "$login" ] || text+="
  [host.\"https://$registry\".header]
    authorization = [\"Basic $login\"]"
  install_file "$rootfs/certs/ca.crt" "$folder/$registry/ca.crt"
  install_text "$folder/$registry/hosts.toml" 600 <<< "$text"
  install_text "$folder/_default/hosts.toml" 600 <<< "${text#*$'\n\n'}"
}

# Capability 24, CAP_SYS_RESOURCE, is what lowering a score takes.
may_lower_oom_scores() {
  local bounding
  bounding=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status)
  [ $((16#$bounding >> 24 & 1)) = 1 ]
}

configure() {
  local edits=(-e "s/sea\.hub:5000/$registry/g")
  may_lower_oom_scores || edits+=(-e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' -e '/^oom_score = /d')
  sed "${edits[@]}" "$rootfs/etc/containerd.toml" | install_text /etc/containerd/config.toml
  install_text /etc/crictl.yaml << 'YAML'
runtime-endpoint: unix:///run/containerd/containerd.sock
image-endpoint: unix:///run/containerd/containerd.sock
YAML
}

refuse_containerd_of_host
unpack "$rootfs/cri/containerd.tar.gz" bin /usr/bin
trust_registry
configure
install_file "$rootfs/etc/containerd.service" /etc/systemd/system/containerd.service
start_service containerd.service
wait_until 60 "containerd answers" ctr version
driver=cgroupfs
! grep -Eq '^[[:space:]]*SystemdCgroup *= *true' /etc/containerd/config.toml || driver=systemd
note_cgroup_driver "$driver"
