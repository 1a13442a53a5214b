import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Line } from "./line.ts";

const project = join(import.meta.dirname, "..");
const cache = process.env.SEALER_CACHE ?? "/var/cache/sealer";
const env = {
  ...process.env,
  SEALER_ROOT: join(cache, "bench/root"),
  SEALER_HOME: join(cache, "bench/home"),
  SEALER_CACHE: cache,
};
const sandbox = "bench";

interface Hosts {
  readonly addresses: readonly [string, string];
  readonly names: readonly [string, string];
  readonly key: string;
  readonly netns: string;
}

/** A cluster of one master and one worker: by sealer, and by tar, OpenSSH and kubeadm in a bare shell script. */
export async function benchCluster(rounds: number): Promise<Line[]> {
  execFileSync(join(project, "scripts/build-images"), ["docker"], { env, stdio: "inherit" });
  const rows: { own: Run; bare: Bare }[] = [];
  for (let round = 1; round <= rounds; round++) {
    console.error(`round ${round} of ${rounds}: bare scripts`);
    const bare = runBare(freshHosts());
    console.error(`round ${round} of ${rounds}: sealer`);
    const own = await runSealer("web:1.0", freshHosts());
    rows.push({ own, bare });
  }
  console.error("sealer with 2 GB more in the rootfs");
  const big = await runSealer(buildBigImage(), freshHosts());
  sealer("sandbox", "delete", sandbox);
  const own = (value: (run: Run) => number) => rows.map((row) => value(row.own));
  const bare = (value: (run: Bare) => number) => rows.map((row) => value(row.bare));
  return [
    {
      what: "from the first kubeadm to all nodes Ready",
      unit: "s",
      sealer: own(({ kubeadm }) => kubeadm),
      peer: bare(({ kubeadm }) => kubeadm),
      peerName: "bare script",
      goal: "at most 1.2",
    },
    {
      what: "filling two hosts: rootfs and embedded images",
      unit: "s",
      sealer: own(({ rootfs, images }) => rootfs + images),
      peer: bare(({ rootfs, images }) => rootfs + images),
      peerName: "tar | ssh",
      goal: "at most 1.2",
    },
    {
      what: "filling: the rootfs alone",
      unit: "s",
      sealer: own(({ rootfs }) => rootfs),
      peer: bare(({ rootfs }) => rootfs),
      peerName: "tar | ssh",
    },
    {
      what: "the whole run",
      unit: "s",
      sealer: own(({ whole }) => whole),
      peer: bare(({ kubeadm, rootfs, images }) => kubeadm + rootfs + images),
      peerName: "sum of the two scripts",
    },
    { what: "peak memory of sealer", unit: "MB", sealer: own(({ memory }) => memory), goal: "below 200" },
    {
      what: "peak memory of sealer, sending 2 GB more to each host",
      unit: "MB",
      sealer: [big.memory],
      goal: "below 200",
    },
  ];
}

interface Bare {
  readonly rootfs: number;
  readonly images: number;
  readonly kubeadm: number;
}

function runBare({ addresses, names, key, netns }: Hosts): Bare {
  const [master, worker] = addresses;
  const image = JSON.parse(sealer("--format", "json", "inspect", "kubernetes:v1.20.2")) as {
    platforms: { layers: { id: string }[] }[];
  };
  const layers = image.platforms[0]!.layers.map(({ id }) => join(env.SEALER_ROOT, "data/overlay2", id)).join(
    ":",
  );
  const blobs = join(mkdtempSync(join(tmpdir(), "sealer-bench-")), "blobs");
  writeFileSync(blobs, embeddedBlobs().join("\n"));
  const filled = execFileSync(
    join(project, "bench/baseline/fill.sh"),
    [netns, key, blobs, layers, ...addresses],
    { env, encoding: "utf8", cwd: join(env.SEALER_ROOT, "store") },
  );
  const [rootfs = 0, images = 0] = filled.trim().split(" ").map(Number);
  rmSync(join(blobs, ".."), { recursive: true });
  prepareBare(addresses, names);
  const seconds = execFileSync(
    join(project, "bench/baseline/kubeadm.sh"),
    [netns, key, master, names[0], worker, names[1]],
    { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  return { rootfs, images, kubeadm: Number(seconds.trim().split("\n").at(-1)) };
}

/** What init.sh does, and the container images loaded: not measured, as both sides need it before kubeadm. */
function prepareBare(addresses: readonly string[], names: readonly string[]): void {
  const archives = join(cache, "images/container-images");
  const root = "/var/lib/sealer/baseline/rootfs";
  for (const [position, name] of names.entries()) {
    const host = addresses[position]!;
    const settings = `SEALER_CLUSTER=baseline HostIP=${host} RegistryDomain=sea.hub RegistryPort=5000 RegistryURL=sea.hub:5000 ContainerRuntime=docker`;
    const place = `mkdir -p /var/lib/sealer/data/baseline && ln -sfn ${root} /var/lib/sealer/data/baseline/rootfs && mkdir -p ${root}/certs && touch ${root}/certs/ca.crt`;
    inHost(
      name,
      `${place} && cd ${root}/scripts && ${settings} bash init.sh /var/lib/docker sea.hub 5000 && systemctl disable --now sealer-pod-network.service`,
    );
    execFileSync(
      "bash",
      [
        "-c",
        `for f in ${archives}/*.tar; do ${join(project, "bin/sealer")} sandbox exec ${sandbox} ${name} -- docker load -q < "$f" || exit 1; done`,
      ],
      { env, stdio: "inherit" },
    );
  }
}

interface Run {
  readonly rootfs: number;
  readonly images: number;
  readonly kubeadm: number;
  readonly whole: number;
  /** Megabytes: the highest resident set of the process. */
  readonly memory: number;
}

async function runSealer(image: string, { addresses, key }: Hosts): Promise<Run> {
  const [master, worker] = addresses;
  const args = [
    "--progress",
    "json",
    "run",
    image,
    "--cluster-name",
    sandbox,
    "-m",
    master,
    "-n",
    worker,
    "--pk",
    key,
  ];
  const began = performance.now();
  const child = spawn(join(project, "bin/sealer"), args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let memory = 0;
  const sampling = setInterval(() => {
    memory = Math.max(memory, peakMemory(child.pid!));
  }, 100);
  const spans = new Map<string, { from: number; to: number }>();
  const told: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    told.push(line);
    if (!line.startsWith('{"type":"task-')) continue;
    const event = JSON.parse(line) as { type: string; id: string };
    const at = (performance.now() - began) / 1000;
    if (event.type === "task-started") spans.set(event.id, { from: at, to: at });
    const span = spans.get(event.id);
    if (event.type === "task-finished" && span) span.to = at;
  }
  clearInterval(sampling);
  const whole = (performance.now() - began) / 1000;
  if (child.exitCode)
    throw new Error(`sealer run ended with ${child.exitCode}:\n${told.slice(-10).join("\n")}`);
  sealer("delete", "--cluster-name", sandbox, "--all", "--force");
  const lengthOf = (pattern: RegExp) => {
    const found = [...spans].filter(([id]) => pattern.test(id)).map(([, span]) => span);
    return Math.max(...found.map(({ to }) => to)) - Math.min(...found.map(({ from }) => from));
  };
  return {
    rootfs: lengthOf(/^send-rootfs/),
    images: lengthOf(/^push-images/),
    kubeadm: lengthOf(/^(kubeadm-init|join-node|wait-ready)/),
    whole,
    memory,
  };
}

function peakMemory(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function freshHosts(): Hosts {
  try {
    sealer("sandbox", "delete", sandbox);
  } catch {
    // There was none.
  }
  sealer("sandbox", "create", sandbox, "--hosts", "m1,w1");
  const listed = JSON.parse(sealer("--format", "json", "sandbox", "list")) as {
    name: string;
    privateKey: string;
    hosts: { name: string; address: string }[];
  }[];
  const { hosts, privateKey } = listed.find(({ name }) => name === sandbox)!;
  const [master, worker] = hosts as [{ name: string; address: string }, { name: string; address: string }];
  const netns = execFileSync("ip", ["netns", "list"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.split(" ")[0]!)
    .find((name) => new RegExp(`^sealer\\.${sandbox}\\.[0-9a-f]+$`).test(name))!;
  return {
    addresses: [master.address, worker.address],
    names: [master.name, worker.name],
    key: privateKey,
    netns,
  };
}

function embeddedBlobs(): string[] {
  const image = JSON.parse(sealer("--format", "json", "inspect", "web:1.0")) as {
    embedded: { digest: string }[];
  };
  const paths = new Set<string>();
  for (const { digest } of image.embedded) {
    const manifest = join("blobs/sha256", digest.slice(7));
    paths.add(manifest);
    const { config, layers } = JSON.parse(readFileSync(join(env.SEALER_ROOT, "store", manifest), "utf8")) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    for (const blob of [config, ...layers]) paths.add(join("blobs/sha256", blob.digest.slice(7)));
  }
  return [...paths];
}

function buildBigImage(): string {
  const context = mkdtempSync(join(tmpdir(), "sealer-bench-"));
  writeFileSync(join(context, "Kubefile"), "FROM web:1.0\nCOPY big statics/\n");
  execFileSync("bash", ["-c", `head -c 2G /dev/urandom > ${context}/big`]);
  sealer("build", "-t", "big:1.0", context);
  rmSync(context, { recursive: true });
  return "big:1.0";
}

function inHost(name: string, command: string): void {
  sealer("sandbox", "exec", sandbox, name, "--", "bash", "-c", command);
}

function sealer(...args: readonly string[]): string {
  return execFileSync(join(project, "bin/sealer"), args, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}
