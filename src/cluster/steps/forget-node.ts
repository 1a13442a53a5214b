import { type Host, HostCommandError, runScript } from "#hosts";
import { within } from "./within.ts";

/**
 * Takes a node that is no longer one out of the cluster: its object, and as a master its member of etcd. Safe where there
 * is nothing of it.
 */
export async function forgetNode(
  master: Host,
  {
    node,
    address,
    role,
  }: { readonly node: string; readonly address: string; readonly role: "master" | "node" },
  signal?: AbortSignal,
): Promise<void> {
  const title = "forget-node";
  const result = await runScript(master, script, { name: title, args: [node, address, role], signal });
  if (result.exitCode !== 0) throw new HostCommandError(master.address, [title], result);
}

const script = `${within}
set -euo pipefail
node=$1 address=$2 role=$3
case $address in *:*) address="[$address]" ;; esac
export KUBECONFIG=/etc/kubernetes/admin.conf
if [ "$role" = master ]; then
  ctl() { within 60 kubectl -n kube-system exec "$etcd" -- etcdctl --endpoints=https://127.0.0.1:2379 \\
    --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/peer.crt --key=/etc/kubernetes/pki/etcd/peer.key "$@"; }
  # That of a machine which is gone still counts as running.
  members= etcds=$(kubectl -n kube-system get pods --request-timeout=60s -l component=etcd --field-selector status.phase=Running -o name)
  for etcd in $etcds; do
    if [ "$etcd" != "pod/etcd-$node" ] && members=$(ctl member list </dev/null); then break; fi
    members=
  done
  [ -n "$members" ] || { echo "no etcd answers that could forget $node" >&2; exit 1; }
  # One that failed to join has no name yet.
  while IFS=, read -r id _ name peers _; do
    if [ "\${name# }" = "$node" ] || [ "\${peers# }" = "https://$address:2380" ]; then ctl member remove "$id" </dev/null; fi
  done <<< "$members"
fi
kubectl delete node "$node" --ignore-not-found --wait=false --request-timeout=60s
`;
