import type { DesiredHost } from "#clusterfile";
import { apiServerName } from "#kubernetes";

/**
 * What `/etc/hosts` of a host says: every host's name, the registry, and the API server. Masters that are in the cluster
 * reach that on themselves, everybody else on master0.
 */
export function hostsLines(
  wanted: DesiredHost,
  facts: {
    /** The cluster's hosts, and their names by address. */
    readonly hosts: readonly DesiredHost[];
    readonly names: ReadonlyMap<string, string>;
    readonly masterZero: string;
    /** The registry's. */
    readonly domain: string;
    readonly isMember: boolean;
  },
): string[] {
  const own = wanted.roles.includes("master") && facts.isMember;
  const names = facts.hosts.flatMap(({ address }) => {
    const name = facts.names.get(address);
    return name === undefined ? [] : [`${address} ${name}`];
  });
  return [
    `${own ? wanted.address : facts.masterZero} ${apiServerName}`,
    `${facts.masterZero} ${facts.domain}`,
    ...names,
  ];
}

/** Whether the marked lines of the file are these and no others. */
export function hasHostsLines(file: string, lines: readonly string[], mark: string): boolean {
  const marked = file.split("\n").filter((line) => line.endsWith(` ${mark}`));
  return marked.join("\n") === lines.map((line) => `${line} ${mark}`).join("\n");
}
