import type { CommandResult, HostView } from "#hosts";
import { type NodeState, readNodeStates } from "#kubernetes";
import { clustersFolder, hostPaths } from "./host-paths.ts";
import type { ObservedHost, Receipt } from "./observed-cluster.ts";

/** Programs that sealer's own scripts and kubeadm's checks need on a host. */
export const neededPrograms = [
  "awk",
  "flock",
  "grep",
  "gzip",
  "hostname",
  "ip",
  "iptables",
  "mktemp",
  "modprobe",
  "mount",
  "sed",
  "sha256sum",
  "sync",
  "sysctl",
  "systemctl",
  "tar",
] as const;

/** Programs that sealer can do without. */
const usefulPrograms = ["zstd", "sudo"] as const;

/** Looks at a host, in a few rounds of questions that are asked at once. */
export async function observeHost(
  view: HostView,
  options: { readonly cluster: string; readonly address: string; readonly byClusterKey: boolean },
): Promise<ObservedHost> {
  const paths = hostPaths(options.cluster);
  const said = (result: CommandResult) => result.stdout.trim();
  const [
    hostname,
    machine,
    machineId,
    addresses,
    clockSkew,
    processors,
    memory,
    disk,
    programs,
    ports,
    units,
  ] = await Promise.all([
    view.query(["hostname"]).then(said),
    view.query(["uname", "-m"]).then(said),
    view.readFile("/etc/machine-id").then((bytes) => bytes?.toString().trim() ?? ""),
    view.query(["ip-address"]).then(said),
    clockSkewOf(view),
    view.query(["nproc"]).then(said),
    view.readFile("/proc/meminfo").then((bytes) => bytes?.toString() ?? ""),
    view.query(["df", "-B1", "--output=avail", "/var/lib/sealer", "/var/lib"]).then(said),
    view.query(["command-exists", ...neededPrograms, ...usefulPrograms]).then(said),
    view.query(["listening-ports"]).then(said),
    view.query(["systemctl-is-active", ...services]).then(said),
  ]);
  const [receiptNames, rootfs, registry, kubernetes, etcd, hostsFile, clusters] = await Promise.all([
    view.list(paths.receipts),
    view.stat(paths.rootfs),
    view.stat(`${paths.registry}/docker/registry/v2`),
    view.list("/etc/kubernetes"),
    view.list("/var/lib/etcd"),
    view.readFile("/etc/hosts"),
    view.list(clustersFolder),
  ]);
  const others = (clusters ?? []).filter((name) => name !== options.cluster && name !== "overlay2");
  const states = units.split("\n");
  return {
    address: options.address,
    hostname,
    machine,
    machineId,
    addresses: readAddresses(addresses),
    clockSkew,
    processors: Number(processors) || 0,
    memory: Number(/^MemTotal:\s+(\d+) kB/m.exec(memory)?.[1] ?? 0) * 1024,
    diskFree: Number(/^\s*(\d+)/m.exec(disk.replace(/^\s*Avail\s*/m, ""))?.[1] ?? 0),
    programs: new Set(programs.split("\n").map((path) => path.slice(path.lastIndexOf("/") + 1))),
    listening: readPorts(ports),
    active: new Set(services.filter((_, position) => states[position] === "active")),
    receipts: await readReceipts(view, paths.receipts, receiptNames ?? []),
    begun: new Set(
      (receiptNames ?? []).flatMap((name) => (/^\.(.+)\.begun$/.exec(name)?.[1] ? [name.slice(1, -6)] : [])),
    ),
    hasRootfs: rootfs?.type === "directory",
    hasRegistryData: registry?.type === "directory",
    kubernetesFiles: new Set(kubernetes ?? []),
    hasEtcdData: (etcd ?? []).length > 0,
    hostsFile: hostsFile?.toString() ?? "",
    otherClusters: await withReceipts(view, others),
    byClusterKey: options.byClusterKey,
  };
}

/** Asks the API server through a master's own kubectl; undefined where nothing answers. */
export async function observeNodes(view: HostView): Promise<readonly NodeState[] | undefined> {
  const { exitCode, stdout } = await view.query([
    "kubectl-get",
    "nodes",
    "--kubeconfig=/etc/kubernetes/admin.conf",
    "--request-timeout=10s",
    "-o",
    "json",
  ]);
  return exitCode === 0 ? readNodeStates(stdout) : undefined;
}

const services = ["docker", "containerd", "kubelet"] as const;

async function clockSkewOf(view: HostView): Promise<number> {
  const before = Date.now();
  const { stdout } = await view.query(["date", "+%s.%N"]);
  const middle = (before + Date.now()) / 2000;
  const there = Number(stdout.trim());
  return Number.isFinite(there) ? there - middle : 0;
}

/** Lines such as `2: eth0    inet 10.0.0.1/24 brd …`. */
function readAddresses(text: string): readonly string[] {
  return [...text.matchAll(/\binet6?\s+([0-9a-fA-F.:]+)/g)].map(([, address = ""]) => address);
}

/** Lines such as `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*`. */
function readPorts(text: string): ReadonlySet<number> {
  const ports = text.split("\n").flatMap((line) => {
    const [protocol, , , , local = ""] = line.trim().split(/\s+/);
    const port = Number(local.slice(local.lastIndexOf(":") + 1));
    return protocol === "tcp" && port > 0 ? [port] : [];
  });
  return new Set(ports);
}

async function readReceipts(
  view: HostView,
  folder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Receipt>> {
  const whole = names.filter((name) => !name.startsWith("."));
  if (whole.length === 0) return new Map();
  const { stdout } = await view.query(["cat", ...whole.map((name) => `${folder}/${name}`)]);
  return new Map(stdout.split("\n").flatMap((line) => readReceipt(line)));
}

/** A line that cannot be read is no receipt: its step is done again. */
function readReceipt(line: string): [string, Receipt][] {
  try {
    const { id, inputs } = JSON.parse(line) as { id?: unknown; inputs?: unknown };
    return typeof id === "string" && typeof inputs === "string" ? [[id, { inputs, text: line }]] : [];
  } catch {
    return [];
  }
}

async function withReceipts(view: HostView, clusters: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    clusters.map(async (name) => {
      const receipts = await view.list(`${clustersFolder}/${name}/receipts`);
      return receipts && receipts.length > 0 ? [name] : [];
    }),
  );
  return found.flat();
}
