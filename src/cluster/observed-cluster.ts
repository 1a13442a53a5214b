import type { NodeState } from "#kubernetes";

/** Facts about one host, all of them only looked at. */
export interface ObservedHost {
  readonly address: string;
  readonly hostname: string;
  /** As `uname -m` says it. */
  readonly machine: string;
  readonly machineId: string;
  /** Of the host's interfaces, without prefix lengths. */
  readonly addresses: readonly string[];
  /** Seconds by which its clock is ahead of ours. */
  readonly clockSkew: number;
  readonly processors: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes free below /var/lib/sealer. */
  readonly diskFree: number;
  /** Programs out of those asked for that it has. */
  readonly programs: ReadonlySet<string>;
  readonly listening: ReadonlySet<number>;
  /** Units out of docker, containerd and kubelet that are active. */
  readonly active: ReadonlySet<string>;
  /** Whole text of the receipts, by step id. */
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** Ids of steps that were begun and have no receipt yet. */
  readonly begun: ReadonlySet<string>;
  readonly hasRootfs: boolean;
  readonly hasRegistryData: boolean;
  /** Names in /etc/kubernetes. */
  readonly kubernetesFiles: ReadonlySet<string>;
  /** Whether anything lies in /var/lib/etcd. */
  readonly hasEtcdData: boolean;
  readonly hostsFile: string;
  /** Other clusters of sealer's that have left receipts there. */
  readonly otherClusters: readonly string[];
  /** Whether we logged in with the cluster's own key. */
  readonly byClusterKey: boolean;
}

export interface Receipt {
  readonly inputs: string;
  readonly text: string;
}

export interface ObservedCluster {
  readonly hosts: ReadonlyMap<string, ObservedHost>;
  /** What the API server says; undefined where none answers. */
  readonly nodes: readonly NodeState[] | undefined;
  /** Whether this machine holds the cluster's admin.conf. */
  readonly hasAccess: boolean;
}
