#!/bin/bash
# The pod network that the base image brings, enough for hosts of one subnet: a bridge on each node with the node's own
# podCIDR, routes to the other nodes' podCIDRs, and masquerading for what leaves the pod subnet. It runs as a service,
# watches the nodes with the kubelet's credentials, and stands back when another CNI configuration is there.
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/run/sealer-pod-network KUBECONFIG=/etc/kubernetes/kubelet.conf
configurations=/etc/cni/net.d
own=$configurations/10-sealer.conflist
chain=SEALER-POD-NETWORK
# Marks our routes in the routing table, so that no other's is ever touched.
protocol=157
pod_subnet=
# name, podCIDR and address of each node that has them, as last listed
nodes=

another_network() {
  local file
  for file in "$configurations"/*.conf "$configurations"/*.conflist "$configurations"/*.json; do
    [ ! -e "$file" ] || [ "$file" = "$own" ] || return 0
  done
  return 1
}

# Pods that are on the bridge already keep it, and the routes, until they end.
stand_back() {
  [ ! -e "$own" ] || { rm -f "$own"; echo "another pod network is configured in $configurations: standing back"; }
}

list_nodes() {
  kubectl get nodes --request-timeout=20s \
    -o jsonpath='{range .items[*]}{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}' |
    awk 'NF >= 3 { print $1, $2, $3 }'
}

# "device mtu" of the interface that holds an address of this host; nothing for other addresses.
device_of() {
  local device
  device=$(ip -o addr show | awk -v address="$1" '{ split($4, part, "/") } part[1] == address { print $2; exit }')
  [ -z "$device" ] || echo "$device $(cat "/sys/class/net/$device/mtu")"
}

write_configuration() {
  local cidr=$1 mtu=$2 everywhere=0.0.0.0/0
  case $cidr in *:*) everywhere=::/0 ;; esac
  mkdir -p "$configurations"
  cat > "$own.new" << JSON
{
  "cniVersion": "0.3.1",
  "name": "sealer",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isGateway": true,
      "ipMasq": false,
      "hairpinMode": true,
      "mtu": $mtu,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni/sealer",
        "ranges": [[{ "subnet": "$cidr" }]],
        "routes": [{ "dst": "$everywhere" }]
      }
    },
    { "type": "portmap", "capabilities": { "portMappings": true } }
  ]
}
JSON
  if cmp -s "$own.new" "$own"; then rm -f "$own.new"; else mv "$own.new" "$own"; fi
}

set_routes() {
  local name cidr address wanted=
  while read -r name cidr address; do
    if [ -z "$address" ] || [ -n "$(device_of "$address")" ]; then continue; fi
    wanted+=" $cidr "
    ip route replace "$cidr" via "$address" proto "$protocol" ||
      echo "no route to the pods of $name: $address is not in a subnet of this host; use another pod network" >&2
  done <<< "$nodes"
  for cidr in $(ip route show proto "$protocol" | awk '{ print $1 }') $(ip -6 route show proto "$protocol" | awk '{ print $1 }'); do
    case $wanted in *" $cidr "*) ;; *) ip route del "$cidr" proto "$protocol" || true ;; esac
  done
}

# Pods are told apart by address everywhere inside the pod subnet; outside, nobody knows the way back to them.
set_masquerade() {
  local cidr=$1 iptables=iptables multicast=224.0.0.0/4
  case $cidr in *:*) iptables=ip6tables multicast=ff00::/8 ;; esac
  if [ -z "$pod_subnet" ]; then
    pod_subnet=$(kubectl -n kube-system get configmap kubeadm-config --request-timeout=20s -o 'jsonpath={.data.ClusterConfiguration}' 2> /dev/null |
      sed -n 's/^ *podSubnet: *"\{0,1\}\([^",]*\).*/\1/p') || true
    [ -n "$pod_subnet" ] || return 0
  fi
  "$iptables" -w -t nat -N "$chain" 2> /dev/null || true
  "$iptables" -w -t nat -C "$chain" -d "$pod_subnet" -j RETURN 2> /dev/null || {
    "$iptables" -w -t nat -F "$chain"
    "$iptables" -w -t nat -A "$chain" -d "$pod_subnet" -j RETURN
    "$iptables" -w -t nat -A "$chain" -d "$multicast" -j RETURN
    "$iptables" -w -t nat -A "$chain" -j MASQUERADE
  }
  "$iptables" -w -t nat -C POSTROUTING -s "$cidr" -j "$chain" 2> /dev/null ||
    "$iptables" -w -t nat -A POSTROUTING -s "$cidr" -j "$chain"
}

reconcile() {
  if another_network; then
    stand_back
    return 0
  fi
  local name cidr address device mtu
  nodes=$(list_nodes) || return 1
  while read -r name cidr address; do
    read -r device mtu <<< "$(device_of "$address")"
    if [ -n "$device" ]; then
      write_configuration "$cidr" "$mtu"
      set_routes
      set_masquerade "$cidr"
      return 0
    fi
  done <<< "$nodes"
}

# Whether an event of the watch (event, node, its address) changes anything that we know.
is_news() {
  case $1 in MODIFIED) ;; *) return 0 ;; esac
  ! awk -v name="$2" -v address="$3" '$1 == name && $3 == address { found = 1 } END { exit !found }' <<< "$nodes"
}

follow() {
  local event name address rest status
  reconcile || return 0
  while true; do
    status=0
    # The columns are EVENT NAME STATUS ROLES AGE VERSION INTERNAL-IP ...
    read -r -t 2 event name rest || status=$?
    if [ "$status" -gt 128 ]; then
      # Nothing happened for a while: look for what the watch does not tell.
      if another_network; then stand_back; elif [ -z "$pod_subnet" ] || [ ! -e "$own" ]; then reconcile || return 0; fi
    elif [ "$status" != 0 ]; then
      return 0
    else
      address=$(awk '{ print $5 }' <<< "$rest")
      if is_news "$event" "$name" "$address"; then reconcile || return 0; fi
    fi
  done
}

until [ -s "$KUBECONFIG" ] || another_network; do sleep 0.5; done
while true; do
  # Now and then a new list and a new watch, in case a connection has died in silence.
  follow < <(timeout 600 kubectl get nodes --watch --output-watch-events --no-headers -o wide 2> /dev/null)
  sleep 1
done
