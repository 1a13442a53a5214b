/** Where things of a cluster are on its hosts. */
export interface HostPaths {
  /** The cluster's folder, 0700. */
  readonly data: string;
  readonly rootfs: string;
  readonly registry: string;
  readonly receipts: string;
  readonly logs: string;
  /** Rootfs layers as they were sent. */
  readonly layers: string;
  readonly kubeadm: string;
}

export const clustersFolder = "/var/lib/sealer/data";

export function hostPaths(cluster: string): HostPaths {
  const data = `${clustersFolder}/${cluster}`;
  return {
    data,
    rootfs: `${data}/rootfs`,
    registry: `${data}/registry`,
    receipts: `${data}/receipts`,
    logs: `${data}/log`,
    layers: `${data}/layers`,
    kubeadm: `${data}/kubeadm`,
  };
}

/** Ends every line that sealer writes into files which are not its own. */
export function markOf(cluster: string): string {
  return `# sealer ${cluster}`;
}
