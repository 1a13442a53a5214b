import { type DesiredCluster, type DesiredHost, masterZeroOf } from "#clusterfile";
import { formatPlatform, parsePlatform, platformMatches } from "#oci";
import type { Blueprint, BlueprintPlatform } from "./blueprint.ts";
import { neededPrograms } from "./observe.ts";
import type { ObservedCluster, ObservedHost } from "./observed-cluster.ts";

/** Something about a host that would make a run fail, found before anything is changed. */
export interface Finding {
  readonly host: string;
  readonly what: string;
  readonly hint: string;
}

/** Every reason for which the cluster cannot be made on these hosts. */
export function findUnfit(
  desired: DesiredCluster,
  blueprint: Blueprint,
  observed: ObservedCluster,
): readonly Finding[] {
  const hosts = desired.hosts.flatMap((wanted) => {
    const host = observed.hosts.get(wanted.address);
    return host ? [{ wanted, host }] : [];
  });
  return [
    ...hosts.flatMap(({ wanted, host }) => [
      ...aboutPlatform(host, blueprint),
      ...aboutPrograms(host),
      ...aboutClock(host),
      ...aboutIdentity(host),
      ...aboutOwners(wanted, host),
      ...(isMember(host) ? [] : aboutRoom(wanted, host, desired, blueprint)),
      ...(isMember(host) ? [] : aboutPorts(wanted, host, desired, blueprint)),
    ]),
    ...aboutTwins(hosts.map(({ host }) => host)),
  ];
}

/** Whether the control plane or the kubelet of this very cluster runs there already. */
function isMember({ receipts, begun }: ObservedHost): boolean {
  return [...receipts.keys(), ...begun].some((id) => /^(kubeadm-init|join-master|join-node)@/.test(id));
}

export function platformOf(blueprint: Blueprint, { machine }: ObservedHost): BlueprintPlatform | undefined {
  const wanted = parsePlatform(machine);
  return blueprint.platforms.find(({ platform }) => platformMatches(wanted, platform));
}

function aboutPlatform(host: ObservedHost, blueprint: Blueprint): Finding[] {
  if (platformOf(blueprint, host)) return [];
  const offered = blueprint.platforms.map(({ platform }) => formatPlatform(platform)).join(", ");
  return [
    {
      host: host.address,
      what: `its architecture is ${host.machine}, the image is for ${offered}`,
      hint: "Take an image that was built for that platform too.",
    },
  ];
}

function aboutPrograms(host: ObservedHost): Finding[] {
  const missing = neededPrograms.filter((program) => !host.programs.has(program));
  if (missing.length === 0) return [];
  return [
    {
      host: host.address,
      what: `it lacks ${missing.join(", ")}`,
      hint: "Install them with the host's own package manager.",
    },
  ];
}

function aboutClock({ address, clockSkew }: ObservedHost): Finding[] {
  if (Math.abs(clockSkew) <= 30) return [];
  const ahead = clockSkew > 0 ? "ahead of" : "behind";
  return [
    {
      host: address,
      what: `its clock is ${Math.round(Math.abs(clockSkew))} s ${ahead} this machine's`,
      hint: "Certificates and leases need clocks within 30 s of each other: set the time (timedatectl, chrony).",
    },
  ];
}

function aboutIdentity({ address, addresses, hostname }: ObservedHost): Finding[] {
  const findings: Finding[] = [];
  if (!addresses.includes(address)) {
    findings.push({
      host: address,
      what: `it has no interface with the address ${address} (it has ${addresses.join(", ") || "none"})`,
      hint: "Name the host by the address that the other hosts reach it by.",
    });
  }
  if (!/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/i.test(hostname) || /^localhost(\.|$)/.test(hostname)) {
    findings.push({
      host: address,
      what: `its host name "${hostname}" cannot be a node's name`,
      hint: "Set one with hostnamectl: letters, digits, dashes and dots.",
    });
  }
  return findings;
}

function aboutOwners(wanted: DesiredHost, host: ObservedHost): Finding[] {
  const [other] = host.otherClusters;
  if (other !== undefined) {
    return [
      {
        host: host.address,
        what: `it belongs to the cluster ${other}`,
        hint: `Delete that one first: sealer delete -a --cluster ${other}`,
      },
    ];
  }
  if (isMember(host)) return [];
  const left = ["admin.conf", "kubelet.conf", "manifests", "pki"].find((name) =>
    host.kubernetesFiles.has(name),
  );
  if (left !== undefined) {
    return [
      {
        host: host.address,
        what: `Kubernetes is there already, and not from this cluster (/etc/kubernetes/${left})`,
        hint: "If it is not needed any more: kubeadm reset, then remove /etc/kubernetes.",
      },
    ];
  }
  if (!host.hasEtcdData || !wanted.roles.includes("master")) return [];
  return [
    {
      host: host.address,
      what: "an etcd has left data in /var/lib/etcd",
      hint: "Move them away, or remove them if they are not needed any more.",
    },
  ];
}

function aboutRoom(
  wanted: DesiredHost,
  host: ObservedHost,
  desired: DesiredCluster,
  blueprint: Blueprint,
): Finding[] {
  const findings: Finding[] = [];
  const platform = platformOf(blueprint, host);
  const layers = platform?.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0) ?? 0;
  const isZero = wanted.address === masterZeroOf(desired).address;
  const need =
    layers + (platform?.treeBytes ?? 0) * 2 + blueprint.imageBytes * 3 + (isZero ? blueprint.imageBytes : 0);
  if (!host.hasRootfs && host.diskFree < need) {
    findings.push({
      host: host.address,
      what: `needs ${megabytes(need)} free below /var/lib, has ${megabytes(host.diskFree)}`,
      hint: "Make room there, or mount a larger disk.",
    });
  }
  if (wanted.roles.includes("master")) {
    if (host.processors < 2) {
      findings.push({
        host: host.address,
        what: `a master needs 2 processors, it has ${host.processors}`,
        hint: "Take a larger machine for the control plane.",
      });
    }
    if (host.memory < leastMasterMemory) {
      findings.push({
        host: host.address,
        what: `a master needs ${megabytes(leastMasterMemory)} of memory, it has ${megabytes(host.memory)}`,
        hint: "Take a larger machine for the control plane.",
      });
    }
  }
  return findings;
}

/** What kubeadm asks for. */
const leastMasterMemory = 1_700_000_000;

function aboutPorts(
  wanted: DesiredHost,
  host: ObservedHost,
  desired: DesiredCluster,
  blueprint: Blueprint,
): Finding[] {
  const registryRuns = [...host.receipts.keys(), ...host.begun].some((id) =>
    id.startsWith("start-registry@"),
  );
  const ports = [
    10250,
    ...(wanted.roles.includes("master") ? [2379, 2380, 6443, 10257, 10259] : []),
    ...(wanted.address === masterZeroOf(desired).address && !registryRuns ? [blueprint.registry.port] : []),
  ];
  const taken = ports.filter((port) => host.listening.has(port));
  if (taken.length === 0) return [];
  return [
    {
      host: host.address,
      what: `something listens on port ${taken.join(", ")}`,
      hint: `See what it is with: ss -Hlntp 'sport = :${taken[0]}'`,
    },
  ];
}

/** One machine under two addresses, or two that call themselves the same. */
function aboutTwins(hosts: readonly ObservedHost[]): Finding[] {
  return hosts.flatMap((host, position) => {
    const earlier = hosts.slice(0, position);
    const same = earlier.find(({ machineId }) => machineId !== "" && machineId === host.machineId);
    const named = earlier.find(({ hostname }) => hostname.toLowerCase() === host.hostname.toLowerCase());
    if (same) {
      return [
        {
          host: host.address,
          what: `it is the same machine as ${same.address} (or a copy of it: both have /etc/machine-id ${host.machineId})`,
          hint: "Name a machine once; give a copied one its own id with systemd-machine-id-setup.",
        },
      ];
    }
    if (!named) return [];
    return [
      {
        host: host.address,
        what: `its host name ${host.hostname} is that of ${named.address}`,
        hint: "Nodes are told apart by their names: set another with hostnamectl.",
      },
    ];
  });
}

function megabytes(bytes: number): string {
  return bytes >= 10_000_000_000 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
