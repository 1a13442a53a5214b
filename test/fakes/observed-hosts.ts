import type { ObservedHost } from "#cluster";

/** A fit, bare host, as it is looked at. */
export function bareHost(address: string, change: Partial<ObservedHost> = {}): ObservedHost {
  return {
    address,
    hostname: `host-${address.split(".").at(-1)}`,
    machine: "x86_64",
    machineId: `id-of-${address}`,
    addresses: ["127.0.0.1", address],
    clockSkew: 0.01,
    processors: 2,
    memory: 4e9,
    diskFree: 50e9,
    programs: new Set(
      "awk flock grep gzip hostname ip iptables mktemp modprobe mount sed sha256sum sync sysctl systemctl tar".split(
        " ",
      ),
    ),
    listening: new Set([22]),
    active: new Set(),
    receipts: new Map(),
    begun: new Set(),
    hasRootfs: false,
    hasRegistryData: false,
    kubernetesFiles: new Set(),
    hasEtcdData: false,
    hostsFile: "127.0.0.1 localhost\n",
    otherClusters: [],
    byClusterKey: false,
    ...change,
  };
}
