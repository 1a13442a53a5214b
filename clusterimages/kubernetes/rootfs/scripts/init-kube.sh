#!/bin/bash
# Puts kubelet, kubeadm, kubectl, the CNI plugins and the pod network on the host. kubeadm is run by sealer.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh
. "$here/lib.sh"

install_programs() {
  local file name
  for file in "$rootfs"/bin/*; do
    name=$(basename "$file")
    case $name in
      kubeadm | kubelet | kubectl) install_file "$file" "/usr/bin/$name" 755 ;;
      # Of the helpers, the host's own are as good.
      *) [ -n "$(host_program "$name")" ] || install_file "$file" "/usr/bin/$name" 755 ;;
    esac
  done
}

install_kubelet() {
  install_file "$rootfs/etc/kubelet.service" /etc/systemd/system/kubelet.service
  install_file "$rootfs/etc/10-kubeadm.conf" /etc/systemd/system/kubelet.service.d/10-kubeadm.conf
  make_folder /etc/kubernetes
  install_file "$rootfs/statics/audit-policy.yml" /etc/kubernetes/audit-policy.yml 600
  systemctl daemon-reload
  systemctl enable --quiet kubelet.service
  # With a cluster's configuration on it, this is a repeated run: what changed must take effect.
  if [ "$changed" = 1 ] && systemctl is-active --quiet kubelet; then systemctl restart kubelet; fi
}

install_pod_network() {
  changed=0
  unpack "$rootfs/cri/cni.tar.gz" . /opt/cni/bin
  make_folder /etc/cni/net.d
  install_file "$here/pod-network.sh" "$libraries/pod-network.sh" 755
  install_file "$rootfs/etc/sealer-pod-network.service" /etc/systemd/system/sealer-pod-network.service
  start_service sealer-pod-network.service
}

install_programs
install_kubelet
install_pod_network
