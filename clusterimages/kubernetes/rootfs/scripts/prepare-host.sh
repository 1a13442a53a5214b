#!/bin/bash
# Looks whether the host is fit, remembers how it was, and sets kernel, swap, firewall and SELinux for Kubernetes.
# prepare-host.sh [storage of docker]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh
. "$here/lib.sh"
storage=${1:-/var/lib/docker}

check_host() {
  [ "$(id -u)" = 0 ] || die "must run as root"
  [ -d /run/systemd/system ] || die "this host does not run systemd"
  local program arch
  for program in ip iptables modprobe mount nsenter sha256sum systemctl tar gzip; do
    have "$program" || die "this host has no '$program'; install it with the system's package manager"
  done
  arch=$(sed -n 's/.*"arch" *: *"\([^"]*\)".*/\1/p' "$rootfs/Metadata")
  case "$arch $(uname -m)" in
    "amd64 x86_64" | "arm64 aarch64" | " "*) ;;
    *) die "the image is for $arch, but this host is $(uname -m)" ;;
  esac
  # Once sealer has been here, what follows is its own work.
  [ ! -e "$state/remembered" ] || return 0
  local path
  for program in kubelet kubeadm; do
    path=$(host_program "$program")
    [ -z "$path" ] || die "this host already has $path, which sealer did not put there; remove that Kubernetes first"
  done
  for path in /etc/kubernetes/kubelet.conf /etc/kubernetes/admin.conf; do
    [ ! -e "$path" ] || die "this host has $path: it is a node of another cluster; run kubeadm reset there first"
  done
}

# Folders that the cluster fills: whatever is not there now is removed by clean.sh.
cluster_folders() {
  printf '%s\n' /etc/kubernetes /etc/cni /opt/cni /var/lib/kubelet /var/lib/cni /var/lib/dockershim \
    /var/lib/calico /etc/calico /var/log/calico /var/log/pods /var/log/containers /var/log/kubernetes /var/run/kubernetes \
    /run/cni /run/flannel /run/calico /run/xtables.lock /run/sealer-pod-network /run/dockershim.sock /usr/libexec/kubernetes
  # An etcd of somebody else's goes on writing there.
  [ -n "$(ls -A /var/lib/etcd 2> /dev/null)" ] || echo /var/lib/etcd
  # Of a runtime that the host had before, nothing is ours.
  [ -n "$(host_program dockerd)" ] || printf '%s\n' /etc/docker /root/.docker "$storage" /var/lib/docker /run/docker /run/docker.sock /run/docker.pid
  [ -n "$(host_program containerd)" ] || printf '%s\n' /etc/containerd /var/lib/containerd /run/containerd /opt/containerd
  [ -n "$(host_program runc)" ] || printf '%s\n' /run/runc
}

# Values that these scripts, the kubelet, kube-proxy or the runtime change.
kernel_values() {
  local key
  for key in net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv4.conf.all.forwarding net.ipv4.conf.default.forwarding \
    net.ipv4.conf.all.route_localnet net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce \
    net.ipv6.conf.all.forwarding net.ipv6.conf.default.forwarding \
    net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables \
    net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_tcp_timeout_established \
    net.netfilter.nf_conntrack_tcp_timeout_close_wait net.netfilter.nf_conntrack_tcp_be_liberal \
    vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes; do
    [ ! -r "/proc/sys/${key//./\/}" ] || printf '%s=%s\n' "$key" "$(cat "/proc/sys/${key//./\/}")"
  done
}

# A kernel without modules has no such file.
loaded_modules() { if [ -e /proc/modules ]; then sed 's/ .*//' /proc/modules; fi; }

link_names() { ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/'; }

namespace_names() { [ ! -e /run/netns ] || ls /run/netns; }

existing_paths() {
  local folder
  while read -r folder; do
    [ ! -e "$folder" ] || find "$folder" -xdev
  done < "$state/cluster-folders"
}

folder_modes() {
  local folder
  while read -r folder; do
    if [ -d "$folder" ]; then stat -c '%a %n' "$folder"; fi
  done < "$state/cluster-folders"
}

rules() { if have "$1-save"; then "$1-save" 2> /dev/null | sed 's/\[[0-9:]*\]//; /^#/d'; fi; }

active_swaps() { awk 'NR > 1 { print $1 }' /proc/swaps; }

firewalls() {
  ! systemctl is-active --quiet firewalld || echo firewalld-active
  ! systemctl is-enabled --quiet firewalld 2> /dev/null || echo firewalld-enabled
  if have ufw && ufw status | grep '^Status: active' > /dev/null; then echo ufw-active; fi
}

# Our services want it; nothing on a bare host may have asked for it yet.
network_target() { systemctl is-active network-online.target || true; }

remember_host() {
  umask 077
  mkdir -p "$state"
  umask 022
  remember cluster-folders cluster_folders
  remember existing-paths existing_paths
  remember folder-modes folder_modes
  remember kernel-values kernel_values
  remember modules loaded_modules
  remember links link_names
  remember namespaces namespace_names
  remember rules-iptables rules iptables
  remember rules-ip6tables rules ip6tables
  remember swaps active_swaps
  remember firewalls firewalls
  remember network-target network_target
  remember selinux sh -c '! command -v getenforce > /dev/null || getenforce'
  remember ipvs sh -c 'tail -n +4 /proc/net/ip_vs 2> /dev/null || true'
  # Lists that a power cut has emptied would let clean.sh take everything for ours.
  sync -- "$state"/*
  touch "$state/remembered"
}

firewall_off() {
  if systemctl is-active --quiet firewalld; then systemctl disable --now --quiet firewalld; fi
  if have ufw && ufw status | grep '^Status: active' > /dev/null; then ufw disable > /dev/null; fi
}

# The pods' files are not labelled; as with every Kubernetes without its own SELinux policy, it is made permissive.
selinux_permissive() {
  have getenforce && [ "$(getenforce)" = Enforcing ] || return 0
  setenforce 0
  if grep -q '^SELINUX=enforcing' /etc/selinux/config 2> /dev/null; then
    sed 's/^SELINUX=enforcing/SELINUX=permissive/' /etc/selinux/config | install_text /etc/selinux/config
  fi
}

# Control-plane pods mount the one, and every pod's DNS settings start from the other.
files_that_pods_need() {
  if [ ! -e /etc/localtime ]; then
    claim /etc/localtime
    rm -f /etc/localtime
    # UTC, in the time zone format of RFC 8536.
    { printf 'TZif'; head -c 16 /dev/zero; printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0UTC\0'; } > /etc/localtime
  fi
  if [ ! -e /etc/resolv.conf ]; then
    claim /etc/resolv.conf
    rm -f /etc/resolv.conf
    : > /etc/resolv.conf
  fi
}

check_host
remember_host
firewall_off
selinux_permissive
files_that_pods_need
if [ -e "$rootfs/cri/lib.tar.gz" ]; then unpack "$rootfs/cri/lib.tar.gz" sealer "$libraries"; fi
install_file "$here/kubelet-pre-start.sh" /usr/bin/kubelet-pre-start.sh 755
/usr/bin/kubelet-pre-start.sh
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || die "this kernel has no br_netfilter; Kubernetes services cannot work without it"
