import { masterZeroOf } from "#clusterfile";
import type { NodeState } from "#kubernetes";
import type { ClusterState } from "./cluster-home.ts";
import type { Connections } from "./connect-hosts.ts";
import { observeNodes } from "./observe.ts";

export interface ClusterStatus {
  readonly cluster: string;
  readonly image: string;
  readonly hosts: readonly HostStatus[];
}

export interface HostStatus {
  readonly address: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly ready: boolean;
  readonly version: string;
  readonly problems: readonly string[];
}

/** What hosts and API server say now; a host that cannot be reached is a problem, not an error. */
export async function clusterStatus(state: ClusterState, connections: Connections): Promise<ClusterStatus> {
  const { desired, names } = state;
  const nodes = await nodesOf(state, connections);
  const hosts = desired.hosts.map(({ address, roles }): HostStatus => {
    const name = (names[address] ?? "").toLowerCase();
    const node = nodes?.find((one) => one.name === name);
    const failure = connections.failed.get(address);
    const problems = [
      ...(failure instanceof Error ? [failure.message] : []),
      ...(nodes === undefined ? ["no API server answers"] : []),
      ...(nodes !== undefined && !node ? ["it is not in the cluster"] : []),
      ...(node?.problems ?? []),
      ...(node?.unschedulable ? ["it takes no new pods (cordoned)"] : []),
    ];
    return { address, name, roles, ready: node?.ready ?? false, version: node?.version ?? "", problems };
  });
  return { cluster: desired.name, image: desired.image, hosts };
}

/** The first master that answers tells for all. */
async function nodesOf(
  { desired }: ClusterState,
  connections: Connections,
): Promise<readonly NodeState[] | undefined> {
  const zero = masterZeroOf(desired);
  const masters = desired.hosts.filter(({ roles }) => roles.includes("master"));
  for (const { address } of [zero, ...masters.filter((one) => one !== zero)]) {
    const connected = connections.connected.get(address);
    const nodes = connected && (await observeNodes(connected.host));
    if (nodes) return nodes;
  }
  return undefined;
}
