/**
 * Plays kubeadm, kubectl and docker over files: a node's own below /etc/kubernetes, the cluster's below /srv, which all
 * hosts share. /srv/noted says what was done; /etc/fake/<program>-<verb> holds a bash line that runs before it (to fail, or to
 * wait).
 */
export const kubernetesPrograms: Readonly<Record<string, string>> = {
  kubeadm: `
note() { echo "$name kubeadm $*" >> /srv/noted; }
before() { [ ! -e "/etc/fake/kubeadm-$1" ] || . "/etc/fake/kubeadm-$1"; }
read -r name < /proc/sys/kernel/hostname
read -r address < /etc/fake/address
file=; prev=
for word; do [ "$prev" != --config ] || file=$word; prev=$word; done
node() { echo "$name $address $1" > "/srv/nodes/$name"; }
case "$1 $2" in
  "init phase") note upload-certs; echo "[upload-certs] Using certificate key:"; printf 'ab%.0s' $(seq 32); echo ;;
  "init "*)
    note init
    [ ! -e /etc/kubernetes/kubelet.conf ] || { echo "[ERROR FileAvailable--etc-kubernetes-kubelet.conf]: already exists" >&2; exit 1; }
    grep -q "advertiseAddress: $address" "$file" || { echo "the address is not in the configuration" >&2; exit 1; }
    mkdir -p /etc/kubernetes/manifests /etc/kubernetes/pki /srv/nodes
    echo kubelet > /etc/kubernetes/kubelet.conf
    before init
    cp /srv/ca.crt /etc/kubernetes/pki/ca.crt
    echo pod > /etc/kubernetes/manifests/kube-apiserver.yaml
    echo "server: https://apiserver.cluster.local:6443" > /etc/kubernetes/admin.conf
    node master ;;
  "join "*)
    note join
    [ ! -e /etc/kubernetes/kubelet.conf ] || { echo "[ERROR FileAvailable--etc-kubernetes-kubelet.conf]: already exists" >&2; exit 1; }
    [ -n "$(ls /srv/nodes 2>/dev/null)" ] || { echo "no API server answers" >&2; exit 1; }
    grep -q 'tlsBootstrapToken: abcdef.0123456789abcdef' "$file" || { echo "the token is not in the configuration" >&2; exit 1; }
    discovery=$(sed -n 's/ *kubeConfigPath: //p' "$file")
    grep -q 'server: https://' "$discovery" || { echo "the discovery file says no server" >&2; exit 1; }
    mkdir -p /etc/kubernetes/manifests
    echo kubelet > /etc/kubernetes/kubelet.conf
    before join
    if grep -q certificateKey "$file"; then
      echo "server: https://apiserver.cluster.local:6443" > /etc/kubernetes/admin.conf; node master
    else node node; fi ;;
  "reset "*) note reset; rm -rf /etc/kubernetes/*.conf /etc/kubernetes/manifests /etc/kubernetes/pki /var/lib/kubelet/*; rm -f "/srv/nodes/$name" ;;
  "token create") echo abcdef.0123456789abcdef ;;
  "config images") printf 'sea.hub:5000/library/%s\\n' kube-apiserver:v1.20.2 kube-proxy:v1.20.2 pause:3.2 ;;
  *) echo "unknown: $*" >&2; exit 2 ;;
esac`,
  kubectl: `
case "$1 $2" in
  "get nodes")
    [ -n "$(ls /srv/nodes 2>/dev/null)" ] || exit 1
    comma=; printf '{"items":['
    for file in /srv/nodes/*; do
      read -r name address role < "$file"
      ready=True; [ ! -e "/srv/not-ready/$name" ] || ready=False
      labels='{}'; [ "$role" != master ] || labels='{"node-role.kubernetes.io/master":""}'
      printf '%s{"metadata":{"name":"%s","labels":%s},"spec":{},"status":{"addresses":[{"address":"%s"}],"nodeInfo":{"kubeletVersion":"v1.20.2"},"conditions":[{"type":"Ready","status":"%s","reason":"KubeletNotReady","message":"the network is not ready"}]}}' "$comma" "$name" "$labels" "$address" "$ready"
      comma=,
    done; echo ']}' ;;
  "get node") [ ! -e "/srv/nodes/$3" ] || echo "node/$3" ;;
  "get pods") echo '{"items":[{"metadata":{"name":"net","namespace":"kube-system"},"spec":{"nodeName":"host-1"},"status":{"phase":"Pending","containerStatuses":[{"ready":false,"state":{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]}}]}' ;;
  "delete node") echo "$(hostname) kubectl delete node $3" >> /srv/noted; rm -f "/srv/nodes/$3" ;;
  drain*) if [ "$2" = --help ]; then echo --delete-emptydir-data; else echo "$(hostname) kubectl drain $2" >> /srv/noted; fi ;;
  "-n kube-system") case $* in
      *"get pods"*) for file in /srv/nodes/*; do read -r name _ role < "$file"; [ "$role" != master ] || echo "pod/etcd-$name"; done ;;
      *"member list"*) for file in /srv/nodes/*; do read -r name address role < "$file"; [ "$role" != master ] || echo "id-$name, started, $name, https://$address:2380, https://$address:2379, false"; done ;;
      *"member remove"*) echo "$(hostname) etcd member remove \${*: -1}" >> /srv/noted ;;
    esac ;;
  *) echo "unknown: $*" >&2; exit 2 ;;
esac`,
  docker: `
case "$1 $2" in
  "info "*) echo cgroupfs ;;
  login*) cat > /dev/null ;;
  "image inspect") grep -qxF "$3" /var/lib/images 2>/dev/null ;;
  pull*) echo "$(hostname) docker pull \${*: -1}" >> /srv/noted; echo "\${*: -1}" >> /var/lib/images ;;
esac`,
};

/** The scripts of a ClusterImage, as small as they can be. */
export const imageScripts: Readonly<Record<string, string>> = {
  "scripts/init.sh": `
set -euo pipefail
echo "$(hostname) init.sh $* $SEALER_CLUSTER $HostIP $RegistryURL $ContainerRuntime" >> /srv/noted
[ -s ../certs/ca.crt ]
[ ! -e /etc/fake/init ] || . /etc/fake/init
mkdir -p /run/active; touch /run/active/docker`,
  "scripts/init-registry.sh": `
set -euo pipefail
echo "$(hostname) init-registry.sh $*" >> /srv/noted
[ -s "../certs/$3.crt" ] && [ -s "../certs/$3.key" ] && [ -s ../etc/registry_htpasswd ]
mkdir -p "$2/docker/registry/v2"
echo "tcp LISTEN 0 128 0.0.0.0:$1 0.0.0.0:*" > /etc/fake/listening`,
  "scripts/clean.sh": `
set -euo pipefail
echo "$(hostname) clean.sh" >> /srv/noted
kubeadm reset --force
rm -rf /run/active /etc/kubernetes /etc/fake/listening /var/lib/images`,
};
