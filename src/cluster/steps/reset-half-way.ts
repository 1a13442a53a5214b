/**
 * A bash function that clears what an earlier attempt at init or join has left of this node, and only if one was begun:
 * somebody else's Kubernetes is for kubeadm's own checks to refuse.
 */
export const resetHalfWay = `
reset_half_way() {
  [ -n "$SEALER_BEGUN_BEFORE" ] || return 0
  [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/bootstrap-kubelet.conf ] || [ -e /etc/kubernetes/admin.conf ] ||
    [ -n "$(ls -A /etc/kubernetes/manifests /etc/kubernetes/pki /var/lib/etcd 2>/dev/null)" ] || return 0
  echo "an earlier attempt stopped half-way: resetting this node"
  kubeadm reset --force || echo "kubeadm reset did not end well; going on" >&2
  rm -rf /var/lib/etcd/* /etc/kubernetes/manifests /etc/kubernetes/pki
  rm -f /etc/kubernetes/*.conf
}
`;
