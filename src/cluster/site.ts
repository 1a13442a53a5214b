import type { DesiredCluster } from "#clusterfile";
import type { ContentSource } from "#content";
import type { Host } from "#hosts";
import type { KubeadmCluster } from "#kubernetes";
import type { Progress } from "#progress";
import type { Blueprint } from "./blueprint.ts";
import type { ClusterHome } from "./cluster-home.ts";
import type { ObservedCluster } from "./observed-cluster.ts";
import type { RegistryPki } from "./registry-pki.ts";

/** Everything that steps act on. */
export interface Site {
  readonly desired: DesiredCluster;
  readonly blueprint: Blueprint;
  readonly observed: ObservedCluster;
  readonly kubeadm: KubeadmCluster;
  readonly home: ClusterHome;
  readonly content: ContentSource;
  readonly pki: RegistryPki;
  readonly registryLogin: { readonly username: string; readonly password: string };
  readonly progress: Progress;
  /** Milliseconds until nodes that are not Ready make the run fail. */
  readonly readyDeadline: number;
  /** Milliseconds after which a script on a host is not waited for any longer. */
  readonly stepDeadline: number;
  host(address: string): Host;
}
