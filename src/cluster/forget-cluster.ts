import { ClusterHome } from "./cluster-home.ts";
import { forgetLock, lockHere } from "./lock-cluster.ts";

/**
 * Removes all that this machine knows of a cluster, and nothing on its hosts.
 * @param before what goes with it, done under the same lock
 * @throws CLUSTER_LOCKED
 */
export async function forgetCluster(
  folder: string,
  name: string,
  before: () => Promise<unknown> = async () => {},
): Promise<void> {
  const home = new ClusterHome(folder, name);
  await using _here = await lockHere(folder, name, "delete");
  await before();
  await home.remove();
  await forgetLock(folder, name);
}
