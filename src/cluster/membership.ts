import { type DesiredCluster, type DesiredHost, masterZeroOf } from "#clusterfile";
import { SealerError } from "#errors";
import type { NodeState } from "#kubernetes";
import type { ObservedCluster, ObservedHost } from "./observed-cluster.ts";

/**
 * `member`: the node is in the cluster. `half`: something was begun there that must be reset. `none`: nothing was begun.
 */
export type Membership = "member" | "half" | "none";

/**
 * Tells for every desired host whether it is in the cluster, by its receipts, its files and what the API server says.
 * A receipt may be missing although the work was done: such a node is taken as it is, not reset.
 * @throws CLUSTER_NOT_READY where going on would reset a node that serves, or take another one's name
 */
export function membershipOf(
  desired: DesiredCluster,
  observed: ObservedCluster,
): ReadonlyMap<string, Membership> {
  const zero = masterZeroOf(desired);
  const members = new Map<string, Membership>();
  for (const wanted of desired.hosts) {
    const host = observed.hosts.get(wanted.address);
    if (!host) continue;
    refuseRenamed(host, observed.nodes);
    const found =
      wanted.address === zero.address
        ? masterZero(host, desired, observed)
        : joined(wanted, host, observed.nodes);
    members.set(wanted.address, found);
  }
  return members;
}

export function nodeNameOf({ hostname }: ObservedHost): string {
  return hostname.toLowerCase();
}

function masterZero(host: ObservedHost, desired: DesiredCluster, observed: ObservedCluster): Membership {
  const id = `kubeadm-init@${host.address}`;
  const hasControlPlane = host.kubernetesFiles.has("admin.conf") && host.kubernetesFiles.has("manifests");
  const others = desired.hosts.filter(({ address }) => address !== host.address);
  const joinedHosts = others.filter(({ address }) =>
    [...(observed.hosts.get(address)?.receipts.keys() ?? [])].some((name) =>
      /^join-(master|node)@/.test(name),
    ),
  );
  if (host.receipts.has(id)) {
    if (hasControlPlane) return "member";
    throw serves(host, "its receipt says that the cluster began there, but its control plane is gone");
  }
  const serving = (observed.nodes ?? []).some(({ name }) => name !== nodeNameOf(host));
  if (serving && hasControlPlane) return "member";
  if (joinedHosts.length > 0) {
    throw serves(
      host,
      `${joinedHosts.map(({ address }) => address).join(", ")} joined it, but nothing there says that it was finished`,
    );
  }
  return host.begun.has(id) ? "half" : "none";
}

function joined(
  wanted: DesiredHost,
  host: ObservedHost,
  nodes: readonly NodeState[] | undefined,
): Membership {
  const isMaster = wanted.roles.includes("master");
  const id = `${isMaster ? "join-master" : "join-node"}@${host.address}`;
  const node = nodes?.find(({ name }) => name === nodeNameOf(host));
  const hasKubelet = host.kubernetesFiles.has("kubelet.conf");
  if (host.receipts.has(id)) return hasKubelet && (nodes === undefined || node) ? "member" : "half";
  if (node && node.addresses.length > 0 && !node.addresses.includes(host.address)) {
    throw new SealerError(
      "CLUSTER_NOT_READY",
      `${host.address}: the cluster has a node ${node.name} already, with the address ${node.addresses[0]}`,
      {
        where: host.address,
        hint: "Set another name with hostnamectl, or take that node out of the cluster.",
      },
    );
  }
  if (!host.begun.has(id)) return "none";
  const complete = hasKubelet && node?.ready && (!isMaster || node.controlPlane);
  return complete ? "member" : "half";
}

function refuseRenamed(host: ObservedHost, nodes: readonly NodeState[] | undefined): void {
  const name = nodeNameOf(host);
  const known = nodes?.find((node) => node.addresses.includes(host.address));
  if (!known || known.name === name || nodes?.some((node) => node.name === name)) return;
  throw new SealerError(
    "CLUSTER_NOT_READY",
    `${host.address}: its node in the cluster is ${known.name}, but its host name is ${name} now`,
    { where: host.address, hint: `Give it its name back: hostnamectl set-hostname ${known.name}` },
  );
}

function serves({ address }: ObservedHost, why: string): SealerError {
  return new SealerError("CLUSTER_NOT_READY", `${address}: ${why}`, {
    where: address,
    hint: "sealer does not reset a node that serves. Bring it back, or delete the cluster and run it anew. A host that an earlier delete left out is cleaned by scripts/clean.sh in the rootfs of its cluster below /var/lib/sealer/data, whose folder then goes.",
  });
}
