import { type DesiredCluster, masterZeroOf } from "#clusterfile";
import { mapLimited } from "#concurrency";
import type { ClusterHome } from "./cluster-home.ts";
import type { Connections } from "./connect-hosts.ts";
import { observeHost, observeNodes } from "./observe.ts";
import type { ObservedCluster } from "./observed-cluster.ts";

/** Looks at every host of a cluster at once, and through master0 at what its API server knows. */
export async function observeCluster(
  desired: DesiredCluster,
  connections: Connections,
  home: ClusterHome,
): Promise<ObservedCluster> {
  const looked = await mapLimited(desired.hosts, 30, async ({ address }) => {
    const byClusterKey = connections.connected.get(address)?.byClusterKey === true;
    return observeHost(connections.get(address), { cluster: desired.name, address, byClusterKey });
  });
  const zero = masterZeroOf(desired).address;
  const hasControlPlane = looked.find(({ address }) => address === zero)?.kubernetesFiles.has("admin.conf");
  return {
    hosts: new Map(looked.map((host) => [host.address, host])),
    nodes: hasControlPlane ? await observeNodes(connections.get(zero)) : undefined,
    hasAccess: (await home.readSecret("admin.conf")) !== undefined,
  };
}
