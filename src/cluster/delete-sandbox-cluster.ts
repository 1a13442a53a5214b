import { deleteSandbox } from "#sandbox";
import type { ClusterHome, ClusterState } from "./cluster-home.ts";
import { forgetLock, lockHere } from "./lock-cluster.ts";

/** Removes a cluster whose hosts sealer has made: with them everything goes that was done on them. */
export async function deleteSandboxCluster({
  folder,
  home,
  state,
  root,
  signal,
}: {
  /** The folder of all clusters. */
  readonly folder: string;
  readonly home: ClusterHome;
  readonly state: ClusterState;
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> {
  const { name } = state.desired;
  await using _here = await lockHere(folder, name, "delete");
  await deleteSandbox(root, name, signal);
  await home.remove();
  await forgetLock(folder, name);
}
