/**
 * A bash function, `reset_half_way ROLE`, that clears what an earlier attempt at init or join has left of this node, and
 * only if one was begun: somebody else's Kubernetes is for kubeadm's own checks to refuse, and a node that is no master
 * has no etcd of ours. A step with a receipt is done again only where the node has fallen out of the cluster.
 */
export const resetHalfWay = `
reset_half_way() {
  local etcd=; [ "$1" != master ] || etcd=/var/lib/etcd
  [ -n "$SEALER_BEGUN_BEFORE$seen" ] || return 0
  [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/bootstrap-kubelet.conf ] || [ -e /etc/kubernetes/admin.conf ] ||
    [ -n "$(ls -A /etc/kubernetes/manifests /etc/kubernetes/pki $etcd 2>/dev/null)" ] || return 0
  echo "an earlier attempt stopped half-way: resetting this node"
  kubeadm reset --force || echo "kubeadm reset did not end well; going on" >&2
  rm -rf /etc/kubernetes/manifests /etc/kubernetes/pki
  [ -z "$etcd" ] || rm -rf "$etcd"/*
  rm -f /etc/kubernetes/*.conf
  # It has cleared the kubelet's folder as well.
  let_kubelet_pull
}
let_kubelet_pull() {
  [ ! -e "$data/kubeadm/pull-login.json" ] || install -D -m 600 -- "$data/kubeadm/pull-login.json" /var/lib/kubelet/config.json
}
`;
