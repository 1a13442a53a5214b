import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, rmdir, statfs } from "node:fs/promises";
import { arch, platform } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { SealerError } from "#errors";
import { basePath } from "./base.ts";
import type { CgroupHierarchy, CgroupLayout } from "./cgroup-layout.ts";
import { readCgroupLayout } from "./cgroups.ts";
import { programPath } from "./program-path.ts";
import { runProgram } from "./run-program.ts";

export interface SandboxSupport {
  readonly possible: boolean;
  readonly findings: readonly SandboxFinding[];
}

export interface SandboxFinding {
  /** What was looked at, such as `overlay`. */
  readonly what: string;
  readonly ok: boolean;
  /** What was found; where it is not ok, with what helps. */
  readonly why: string;
}

export interface SupportOptions {
  readonly root: string;
  readonly cacheDir: string;
  /** Whether hosts get disks of a limited size. */
  readonly limitedDisks?: boolean;
}

/** Looks whether this machine can make sandbox hosts, by trying each thing on a small scale and undoing it. */
export async function checkSandboxSupport(options: SupportOptions): Promise<SandboxSupport> {
  const machine = [findPlatform(), findRoot(), findPrograms(options)];
  // The rest needs these.
  const findings = machine.every(({ ok }) => ok)
    ? [
        ...machine,
        await findNamespaces(),
        await findOverlay(options.root),
        await findCgroups(await readCgroupLayout()),
        findMemory(process.availableMemory()),
        await findSpace("disk", options.root, 2e9),
        ...(existsSync(basePath(options.cacheDir)) ? [] : [await findSpace("cache", options.cacheDir, 1e9)]),
      ]
    : machine;
  return { possible: findings.every(({ ok }) => ok), findings };
}

/** @throws SANDBOX_IMPOSSIBLE that names everything that is missing */
export async function requireSandboxSupport(options: SupportOptions): Promise<void> {
  const { possible, findings } = await checkSandboxSupport(options);
  if (possible) return;
  const missing = findings.filter(({ ok }) => !ok).map(({ what, why }) => `${what}: ${why}`);
  throw new SealerError(
    "SANDBOX_IMPOSSIBLE",
    `this machine cannot make sandbox hosts:\n  ${missing.join("\n  ")}`,
    {
      hint: "sealer sandbox check tells what was looked at.",
    },
  );
}

function findPlatform(): SandboxFinding {
  const ok = platform() === "linux" && ["x64", "arm64"].includes(arch());
  return {
    what: "platform",
    ok,
    why: `${platform()}/${arch()}${ok ? "" : "; it takes Linux on x64 or arm64"}`,
  };
}

function findRoot(): SandboxFinding {
  const ok = process.geteuid?.() === 0;
  return { what: "root", ok, why: ok ? "we are root" : "only root can make hosts: run it with sudo" };
}

function findPrograms({ cacheDir, limitedDisks }: SupportOptions): SandboxFinding {
  const needed: Record<string, string> = {
    ip: "iproute2",
    unshare: "util-linux",
    nsenter: "util-linux",
    flock: "util-linux",
    setpriv: "util-linux",
    bash: "bash",
    ...(limitedDisks ? { "mkfs.ext4": "e2fsprogs" } : {}),
    ...(existsSync(basePath(cacheDir)) ? {} : { mmdebstrap: "mmdebstrap" }),
  };
  const missing = Object.keys(needed).filter((name) => !isInstalled(name));
  const packages = [...new Set(missing.map((name) => needed[name]))].join(" ");
  return missing.length === 0
    ? { what: "programs", ok: true, why: Object.keys(needed).join(", ") }
    : { what: "programs", ok: false, why: `no ${missing.join(", ")}; apt-get install ${packages}` };
}

function isInstalled(program: string): boolean {
  return programPath.split(delimiter).some((folder) => existsSync(join(folder, program)));
}

async function findNamespaces(): Promise<SandboxFinding> {
  const trial = [
    "ip link add br0 type bridge",
    "ip link add v0 type veth peer name v1",
    "ip link set v0 master br0",
    "hostname trial",
    "mount -t proc proc /proc",
  ];
  return tried("namespaces", "network, mount, PID, UTS, IPC, cgroup; bridge and veth", async () => {
    const namespaces = ["--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork"];
    await runProgram(["unshare", ...namespaces, "sh", "-ec", trial.join("\n")]);
  });
}

async function findOverlay(root: string): Promise<SandboxFinding> {
  const place = existing(root);
  return tried("overlay", `works on the file system of ${place}`, async () => {
    const folder = await mkdtemp(join(place, ".overlay-trial-"));
    try {
      for (const name of ["lower", "upper", "work", "merged"]) await mkdir(join(folder, name));
      const mount = "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged";
      const trial = `cd "$1" && ${mount} && touch merged/file && mknod merged/null c 1 3 && : >merged/null`;
      await runProgram(["unshare", "--mount", "sh", "-ec", trial, "sh", folder]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function findCgroups(layout: CgroupLayout): Promise<SandboxFinding> {
  const missing = missingControllers(layout, await controllersOfVersion2(layout));
  if (missing.length > 0) {
    const why = `cgroup ${layout.kind} without ${missing.join(", ")}`;
    return { what: "cgroups", ok: false, why: `${why}: mount or delegate them to this machine` };
  }
  return tried("cgroups", `${layout.kind}, writable`, async () => {
    for (const hierarchy of layout.hierarchies) await tryCgroup(layout.kind, hierarchy);
  });
}

/** What the kubelet and systemd cannot do without, and this layout has not. */
export function missingControllers(
  { kind, hierarchies }: CgroupLayout,
  version2: readonly string[],
): string[] {
  if (kind === "v2") return ["cpu", "cpuset", "memory", "pids"].filter((name) => !version2.includes(name));
  const present = hierarchies.flatMap(({ controllers }) => controllers.split(","));
  const needed = [
    "name=systemd",
    "cpu",
    "cpuacct",
    "cpuset",
    "memory",
    "pids",
    "devices",
    "freezer",
    "blkio",
  ];
  return needed.filter((name) => !present.includes(name));
}

async function controllersOfVersion2({ hierarchies }: CgroupLayout): Promise<string[]> {
  const top = hierarchies.find(({ controllers }) => controllers === "");
  return top ? (await readFile(join(top.mountPoint, "cgroup.controllers"), "utf8")).trim().split(" ") : [];
}

async function tryCgroup(kind: CgroupLayout["kind"], { parent }: CgroupHierarchy): Promise<void> {
  const trial = join(parent, `sealer.trial.${process.pid}`);
  await mkdir(trial);
  await rmdir(trial);
  // Only the machine's own top may hold processes beside children with controllers; it is the one without this file.
  if (kind !== "v2" || !existsSync(join(parent, "cgroup.type"))) return;
  if ((await readFile(join(parent, "cgroup.procs"), "utf8")).trim() === "") return;
  throw new Error(
    `${parent} is not the top of the machine's cgroups and has processes of its own, so that no host can get controllers`,
  );
}

function findMemory(available: number): SandboxFinding {
  const ok = available >= 1e9;
  const why = `${(available / 1e9).toFixed(1)} GB available`;
  return { what: "memory", ok, why: ok ? why : `${why}; one host with Kubernetes needs 1 GB` };
}

async function findSpace(what: string, folder: string, least: number): Promise<SandboxFinding> {
  const place = existing(folder);
  const { bavail, bsize } = await statfs(place);
  const why = `${((bavail * bsize) / 1e9).toFixed(1)} GB free in ${place}`;
  const ok = bavail * bsize >= least;
  return { what, ok, why: ok ? why : `${why}; it takes ${least / 1e9} GB` };
}

async function tried(what: string, good: string, trial: () => Promise<void>): Promise<SandboxFinding> {
  try {
    await trial();
    return { what, ok: true, why: good };
  } catch (error) {
    return { what, ok: false, why: (error as Error).message };
  }
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}
