/** What a cluster shall be. No secrets: how to log in travels beside it, never in it. */
export interface DesiredCluster {
  /** A DNS label, also the name of folders here and on the hosts. */
  readonly name: string;
  /** The ClusterImage, as it was named. */
  readonly image: string;
  /** Masters first; the first of them is master0. */
  readonly hosts: readonly DesiredHost[];
  /** For scripts on the hosts and for the image's commands. */
  readonly env: Readonly<Record<string, string>>;
  /** Values of `--cmd-args`, for the image's commands alone. */
  readonly cmdArgs: Readonly<Record<string, string>>;
}

export type Role = "master" | "node";

export interface DesiredHost {
  readonly address: string;
  /** Of its SSH server. */
  readonly port: number;
  readonly user: string;
  readonly roles: readonly Role[];
}

export function mastersOf({ hosts }: Pick<DesiredCluster, "hosts">): readonly DesiredHost[] {
  return hosts.filter(({ roles }) => roles.includes("master"));
}

/** The first master, where the cluster begins. */
export function masterZeroOf(cluster: Pick<DesiredCluster, "hosts">): DesiredHost {
  const [first] = mastersOf(cluster);
  if (!first) throw new Error("a desired cluster has a master");
  return first;
}
