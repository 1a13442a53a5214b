/** `install_kubeconfig CLUSTER USER`: what the user had there before is kept aside, and comes back by the other one. */
export const installKubeconfig = `
install_kubeconfig() {
  local home group; home=$(getent passwd "$2" | cut -d: -f6); group=$(id -g -- "$2")
  [ -n "$home" ] || return 0
  [ -d "$home/.kube" ] || install -d -m 700 -o "$2" -g "$group" -- "$home/.kube"
  if [ -e "$home/.kube/config" ] && [ ! -e "$home/.kube/config.before-$1" ]; then
    cmp -s /etc/kubernetes/admin.conf "$home/.kube/config" || mv -- "$home/.kube/config" "$home/.kube/config.before-$1"
  fi
  install -m 600 -o "$2" -g "$group" -- /etc/kubernetes/admin.conf "$home/.kube/config"
}
`;

/** `remove_kubeconfig CLUSTER USER`: only a file of a cluster of sealer's goes. */
export const removeKubeconfig = `
remove_kubeconfig() {
  local home; home=$(getent passwd "$2" | cut -d: -f6)
  [ -n "$home" ] || return 0
  if [ -e "$home/.kube/config" ] && grep -q 'server: https://apiserver.cluster.local:' "$home/.kube/config"; then
    rm -f -- "$home/.kube/config"
  fi
  [ -e "$home/.kube/config" ] || rm -rf -- "$home/.kube/cache"
  [ ! -e "$home/.kube/config.before-$1" ] || mv -- "$home/.kube/config.before-$1" "$home/.kube/config"
  rmdir -- "$home/.kube" 2>/dev/null || :
}
`;
