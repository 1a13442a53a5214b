import { type DesiredCluster, masterZeroOf } from "#clusterfile";
import { SealerError } from "#errors";
import type { Blueprint } from "./blueprint.ts";
import type { ClusterState } from "./cluster-home.ts";
import { changed } from "./draft.ts";
import type { ObservedCluster } from "./observed-cluster.ts";
import type { Plan } from "./plan-change.ts";

/** A run adds hosts to a cluster; it never takes one away. @throws CLUSTER_EXISTS */
export function refuseOtherHosts(desired: DesiredCluster, state: ClusterState | undefined): void {
  if (!state) return;
  const exists = (why: string, hint: string) =>
    new SealerError("CLUSTER_EXISTS", `the cluster ${desired.name} is there already, ${why}`, { hint });
  const zero = masterZeroOf(state.desired).address;
  if (masterZeroOf(desired).address !== zero) {
    throw exists(
      `and began on ${zero}`,
      `Name ${zero} as the first master, or choose another --cluster-name.`,
    );
  }
  const left = state.desired.hosts.filter(
    (had) =>
      !desired.hosts.some(
        ({ address, roles }) => address === had.address && roles.join() === had.roles.join(),
      ),
  );
  if (left.length > 0) {
    const named = left.map(({ address, roles }) => `${address} (${roles.join(", ")})`).join(", ");
    throw exists(`with ${named} too`, "Name these hosts again, or remove them with sealer delete -m … -n ….");
  }
}

/**
 * A cluster of that name may be there although this machine does not know it. Then every host keeps its part in it.
 * @throws CLUSTER_EXISTS
 */
export function refuseOtherRoles(desired: DesiredCluster, observed: ObservedCluster): void {
  const zero = masterZeroOf(desired);
  const parts = desired.hosts.flatMap((wanted) => {
    const meant =
      wanted === zero ? "kubeadm-init" : wanted.roles.includes("master") ? "join-master" : "join-node";
    const host = observed.hosts.get(wanted.address);
    const ids = [...(host?.receipts.keys() ?? []), ...(host?.begun ?? [])].map((id) => id.replace(/@.*/, ""));
    const other = ids.find((kind) => kind !== meant && kind in partOf);
    return other === undefined ? [] : [`${wanted.address} as ${partOf[other]}`];
  });
  if (parts.length === 0) return;
  throw new SealerError(
    "CLUSTER_EXISTS",
    `a cluster ${desired.name} is there already, with ${parts.join(", ")}`,
    {
      hint: "Name the hosts by the parts that they have in it, or delete it first, from the machine that made it.",
    },
  );
}

const partOf: Readonly<Record<string, string>> = {
  "kubeadm-init": "the first master",
  "join-master": "a further master",
  "join-node": "a node",
};

/** What runs is not changed under the hands of its users by a run of another image. @throws CLUSTER_EXISTS */
export function refuseOtherImage(state: ClusterState | undefined, blueprint: Blueprint, plan: Plan): void {
  const started = plan.done.find((id) => id.startsWith("kubeadm-init@"));
  if (!started || state?.imageDigest === blueprint.image.digest) return;
  // Where this machine does not know the cluster, what was sent to its first master tells.
  const sent = started.replace("kubeadm-init", "send-rootfs");
  if (!state && !plan.steps.some(({ id, why }) => id === sent && why === changed)) return;
  const which = state ? `: ${state.desired.image} (${state.imageDigest})` : "";
  throw new SealerError("CLUSTER_EXISTS", `the cluster ${plan.cluster} runs another image${which}`, {
    hint: "Delete it first (sealer delete -a), or choose another --cluster-name.",
  });
}
