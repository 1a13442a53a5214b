import { type DesiredCluster, type DesiredHost, masterZeroOf } from "#clusterfile";
import { apiServerName } from "#kubernetes";
import type { ObservedCluster } from "./observed-cluster.ts";

/**
 * What `/etc/hosts` of a host says: every host's name, the registry, and the API server. Masters that are in the cluster
 * reach that on themselves, everybody else on master0.
 */
export function hostsLines(
  wanted: DesiredHost,
  desired: DesiredCluster,
  observed: ObservedCluster,
  { domain, isMember }: { readonly domain: string; readonly isMember: boolean },
): string[] {
  const zero = masterZeroOf(desired).address;
  const own = wanted.roles.includes("master") && isMember;
  const names = desired.hosts.flatMap(({ address }) => {
    const hostname = observed.hosts.get(address)?.hostname;
    return hostname === undefined ? [] : [`${address} ${hostname}`];
  });
  return [`${own ? wanted.address : zero} ${apiServerName}`, `${zero} ${domain}`, ...names];
}

/** Whether the marked lines of the file are these and no others. */
export function hasHostsLines(file: string, lines: readonly string[], mark: string): boolean {
  const marked = file.split("\n").filter((line) => line.endsWith(` ${mark}`));
  return marked.join("\n") === lines.map((line) => `${line} ${mark}`).join("\n");
}
