import { type DesiredCluster, mastersOf } from "#clusterfile";
import type { KubeadmCluster } from "#kubernetes";
import type { Blueprint } from "./blueprint.ts";

/** What kubeadm's configuration needs to know of the cluster as a whole. */
export function kubeadmCluster(
  desired: DesiredCluster,
  { kubeadm, version, runtime, registry }: Blueprint,
): KubeadmCluster {
  const masters = mastersOf(desired).map(({ address }) => address);
  return {
    documents: kubeadm,
    version,
    runtime,
    masters,
    imageRepository: imageRepository(kubeadm.ClusterConfiguration?.fields.imageRepository, registry),
  };
}

/** What an image says of `sea.hub:5000` is meant for this cluster's registry, whatever that is called. */
function imageRepository(written: unknown, { domain, port }: Blueprint["registry"]): string {
  const own = `${domain}:${port}`;
  if (typeof written !== "string" || written === "") return `${own}/library`;
  return written.replace(/^sea\.hub:5000(?=\/|$)/, own);
}
