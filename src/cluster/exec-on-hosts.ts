import type { DesiredHost } from "#clusterfile";
import { mapLimited } from "#concurrency";
import { SealerError } from "#errors";
import type { ClusterState } from "./cluster-home.ts";
import type { Connections } from "./connect-hosts.ts";
import { scriptEnv } from "./steps/script-env.ts";

export interface HostOutcome {
  readonly host: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** The program and its words. */
  readonly argv: readonly string[];
  readonly hosts: readonly DesiredHost[];
  readonly signal?: AbortSignal | undefined;
  onLine(host: string, line: string, stream: "stdout" | "stderr"): void;
}

/** Runs a program as root on hosts of a cluster, on all of them at once. It never throws for an exit code. */
export function execOnHosts(
  { desired, registry, runtime }: ClusterState,
  connections: Connections,
  { argv, hosts, signal, onLine }: ExecOptions,
): Promise<readonly HostOutcome[]> {
  return mapLimited(hosts, 30, async ({ address }) => {
    const failure = connections.failed.get(address);
    if (failure !== undefined) {
      const why = failure instanceof SealerError ? failure.message : String(failure);
      onLine(address, why, "stderr");
      return { host: address, exitCode: 255, stdout: "", stderr: `${why}\n` };
    }
    const { exitCode, stdout, stderr } = await connections.get(address).run(argv, {
      env: scriptEnv(desired, address, { ...registry, runtime }),
      signal,
      onLine: (line, stream) => onLine(address, line, stream),
    });
    return { host: address, exitCode, stdout, stderr };
  });
}

/** Hosts with one of these roles; `master0` is the first master. @throws USAGE for a role that no host has */
export function hostsWithRoles(state: ClusterState, roles: readonly string[]): readonly DesiredHost[] {
  const { hosts } = state.desired;
  if (roles.length === 0) return hosts;
  const found = hosts.filter(
    (host, position) =>
      host.roles.some((role) => roles.includes(role)) || (position === 0 && roles.includes("master0")),
  );
  const known = new Set(["master0", ...hosts.flatMap((host) => host.roles)]);
  const strange = roles.find((role) => !known.has(role));
  if (strange !== undefined || found.length === 0) {
    throw new SealerError(
      "USAGE",
      `no host of ${state.desired.name} has the role ${strange ?? roles.join(", ")}`,
      {
        hint: `There are ${[...known].join(", ")}.`,
      },
    );
  }
  return found;
}
