import { type DesiredCluster, masterZeroOf } from "#clusterfile";
import { SealerError } from "#errors";
import type { Blueprint } from "./blueprint.ts";
import type { ClusterState } from "./cluster-home.ts";
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

/** What runs is not changed under the hands of its users by a run of another image. @throws CLUSTER_EXISTS */
export function refuseOtherImage(state: ClusterState | undefined, blueprint: Blueprint, plan: Plan): void {
  if (!state || state.imageDigest === blueprint.image.digest) return;
  if (!plan.done.some((id) => id.startsWith("kubeadm-init@"))) return;
  throw new SealerError(
    "CLUSTER_EXISTS",
    `the cluster ${plan.cluster} runs another image: ${state.desired.image} (${state.imageDigest})`,
    { hint: "Delete it first (sealer delete -a), or choose another --cluster-name." },
  );
}
