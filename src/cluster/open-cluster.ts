import { SealerError } from "#errors";
import { ClusterHome, type ClusterState, listClusters } from "./cluster-home.ts";

/**
 * The cluster that a command means: the named one, or the only one there is.
 * @throws CLUSTER_NOT_FOUND
 */
export async function openCluster(
  folder: string,
  name: string | undefined,
): Promise<{ readonly home: ClusterHome; readonly state: ClusterState }> {
  const known = await listClusters(folder);
  const chosen = name ?? (known.length === 1 ? known[0] : undefined);
  if (chosen === undefined) {
    throw known.length === 0
      ? new SealerError("CLUSTER_NOT_FOUND", "this machine knows of no cluster", {
          where: folder,
          hint: "Make one: sealer run IMAGE -m …",
        })
      : new SealerError("CLUSTER_NOT_FOUND", `there are several clusters: ${known.join(", ")}`, {
          hint: "Say which one: --cluster NAME",
        });
  }
  const home = new ClusterHome(folder, chosen);
  const state = await home.load();
  if (state) return { home, state };
  throw new SealerError("CLUSTER_NOT_FOUND", `this machine knows of no cluster ${chosen}`, {
    where: folder,
    hint: known.length > 0 ? `It knows ${known.join(", ")}.` : "Make one: sealer run IMAGE -m …",
  });
}
