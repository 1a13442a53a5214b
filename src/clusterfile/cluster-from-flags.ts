import { SealerError } from "#errors";
import type { DesiredCluster, DesiredHost, Role } from "./desired-cluster.ts";
import { parseAssignments } from "./parse-assignments.ts";

export interface ClusterFlags {
  readonly name: string;
  readonly image: string;
  readonly masters: readonly HostFlag[];
  readonly nodes: readonly HostFlag[];
  readonly user: string;
  /** For hosts whose address came without a port. */
  readonly port: number;
  /** `KEY=value` words. */
  readonly env: readonly string[];
  readonly cmdArgs: readonly string[];
}

interface HostFlag {
  readonly address: string;
  readonly port?: number | undefined;
}

/** The cluster that the flags of `run` describe. @throws USAGE, HOST_LIST_INVALID */
export function clusterFromFlags(flags: ClusterFlags): DesiredCluster {
  checkClusterName(flags.name);
  if (!/^[A-Za-z_][A-Za-z0-9._-]{0,31}$/.test(flags.user)) {
    throw new SealerError("USAGE", `"${flags.user}" is not a login name`);
  }
  if (flags.masters.length === 0) {
    throw new SealerError(
      "HOST_LIST_INVALID",
      flags.nodes.length > 0 ? "there are nodes but no master" : "the cluster has no hosts",
      { hint: "Name at least one master: -m 10.0.0.1" },
    );
  }
  const host =
    (role: Role) =>
    ({ address, port }: HostFlag): DesiredHost => ({
      address,
      port: port ?? flags.port,
      user: flags.user,
      roles: [role],
    });
  const hosts = [...flags.masters.map(host("master")), ...flags.nodes.map(host("node"))];
  checkAddresses(hosts.map(({ address }) => address));
  return {
    name: flags.name,
    image: flags.image,
    hosts,
    env: parseAssignments("--env", flags.env),
    cmdArgs: parseAssignments("--cmd-args", flags.cmdArgs),
  };
}

/** A DNS label. The empty name in particular would make one of the folder of all clusters. @throws USAGE */
export function checkClusterName(name: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new SealerError("USAGE", `"${name}" is not a name for a cluster`, {
    hint: "Up to 63 lower-case letters, digits and dashes; the first and the last are no dash.",
  });
}

function checkAddresses(addresses: readonly string[]): void {
  const twice = addresses.find((address, position) => addresses.indexOf(address) < position);
  if (twice !== undefined) {
    throw new SealerError("HOST_LIST_INVALID", `${twice} stands in the lists twice`, {
      hint: "A host is a master or a node.",
    });
  }
  const families = new Set(addresses.map((address) => (address.includes(":") ? 6 : 4)));
  if (families.size > 1) {
    throw new SealerError("HOST_LIST_INVALID", "IPv4 and IPv6 addresses are mixed", {
      hint: "Give every host's address of one family.",
    });
  }
}
