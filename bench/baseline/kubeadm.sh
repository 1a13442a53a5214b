#!/usr/bin/env bash
# The baseline that `sealer run` is measured against: kubeadm by hand, over OpenSSH, on hosts that are already filled
# and whose container images are loaded. Prints the seconds from the first kubeadm to the last node Ready.
#   kubeadm.sh NETNS KEY MASTER MASTER_NAME WORKER WORKER_NAME
set -euo pipefail
netns=$1 key=$2 master=$3 master_name=$4 worker=$5 worker_name=$6

on() { # HOST COMMAND...
  local host=$1
  shift
  ip netns exec "$netns" ssh -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "root@$host" "$@"
}
ready() { # NAME
  for _ in $(seq 480); do
    on "$master" "kubectl get node $1 --no-headers" 2>/dev/null | grep -qw Ready && return 0
    sleep 0.25
  done
  echo "$1 did not get Ready" >&2
  return 1
}
network() { # HOST CIDR OTHER_CIDR OTHER_HOST
  on "$1" "bash -s $2 $3 $4" <<'REMOTE'
mkdir -p /etc/cni/net.d
cat > /etc/cni/net.d/10-bridge.conflist <<C
{"cniVersion":"0.3.1","name":"baseline","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,"hairpinMode":true,
"ipam":{"type":"host-local","ranges":[[{"subnet":"$1"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}}]}
C
ip route replace "$2" via "$3"
REMOTE
}

network "$master" 10.244.1.0/24 10.244.2.0/24 "$worker"
network "$worker" 10.244.2.0/24 10.244.1.0/24 "$master"
on "$master" "cat > /root/kubeadm.yaml; echo '$master apiserver.cluster.local' >> /etc/hosts" <<C
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $master, bindPort: 6443}
nodeRegistration: {criSocket: /var/run/dockershim.sock, name: $master_name, kubeletExtraArgs: {node-ip: $master}}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: v1.20.2
imageRepository: k8s.gcr.io
controlPlaneEndpoint: apiserver.cluster.local:6443
networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/22}
controllerManager: {extraArgs: {allocate-node-cidrs: "false"}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: $(on "$master" "docker info -f '{{.CgroupDriver}}'")
nodeStatusUpdateFrequency: 2s
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
C

start=$(date +%s.%N)
on "$master" "kubeadm init --config /root/kubeadm.yaml --upload-certs -v 0" >&2
on "$master" 'mkdir -p ~/.kube; cp -f /etc/kubernetes/admin.conf ~/.kube/config'
token=$(on "$master" 'kubeadm token create 2>/dev/null')
hash=$(on "$master" "openssl x509 -pubkey -in /etc/kubernetes/pki/ca.crt | openssl pkey -pubin -outform der | openssl dgst -sha256 -hex | sed 's/.* //'")
on "$worker" "cat > /root/join.yaml; echo '$master apiserver.cluster.local' >> /etc/hosts" <<C
apiVersion: kubeadm.k8s.io/v1beta2
kind: JoinConfiguration
discovery: {bootstrapToken: {apiServerEndpoint: "$master:6443", token: $token, caCertHashes: ["sha256:$hash"]}}
nodeRegistration: {criSocket: /var/run/dockershim.sock, name: $worker_name, kubeletExtraArgs: {node-ip: $worker}}
C
on "$worker" "kubeadm join --config /root/join.yaml -v 0" >&2
ready "$master_name"
ready "$worker_name"
awk "BEGIN{print $(date +%s.%N) - $start}"
