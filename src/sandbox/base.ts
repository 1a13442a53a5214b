import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SealerError } from "#errors";
import { makeDirectory } from "#files";
import type { Progress } from "#progress";
import { aptMirror } from "./apt-mirror.ts";
import { lockCache } from "./locks.ts";
import { programPath } from "./program-path.ts";
import { runProgram } from "./run-program.ts";
import { runcInFront, serviceOnlyFolder } from "./runc-in-front.ts";

/** What a minimal server install has, and nothing that a ClusterImage should bring. */
const packages = [
  ..."systemd systemd-sysv dbus openssh-server sudo iptables kmod iproute2 iputils-ping procps".split(" "),
  ..."ca-certificates netbase e2fsprogs less hostname tar gzip mount util-linux".split(" "),
] as const;

/** Units that do nothing good in a namespace or would act on the whole machine. */
const masked = [
  ..."apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer".split(" "),
  ..."e2scrub_reap.service systemd-pstore.service getty@tty1.service console-getty.service".split(" "),
  ..."proc-sys-fs-binfmt_misc.automount systemd-binfmt.service".split(" "),
] as const;

const pathOfServices = `${serviceOnlyFolder}:${programPath}`;

const files: Readonly<Record<string, { text: string; mode?: number }>> = {
  [`${serviceOnlyFolder}/runc`]: { text: runcInFront, mode: 0o755 },
  "/etc/systemd/system.conf.d/path.conf": { text: `[Manager]\nDefaultEnvironment=PATH=${pathOfServices}\n` },
  "/etc/ssh/sshd_config.d/root.conf": {
    text: "PermitRootLogin yes\nPasswordAuthentication yes\nUseDNS no\n",
  },
  // Its network is closed: there is nowhere to get packages from.
  "/etc/apt/sources.list": { text: "" },
  // Each host is given its own when it is made.
  "/etc/machine-id": { text: "" },
  // Debian's own settings here (kernel.pid_max, fs.protected_*) would change the whole machine.
  "/etc/sysctl.d/50-pid-max.conf": { text: "" },
  "/etc/sysctl.d/99-protect-links.conf": { text: "" },
};

/**
 * The root file system that hosts share, made once with mmdebstrap from the mirror that this machine's apt uses, and
 * kept as `<cacheDir>/sandbox/base-<recipe's hash>`. It is never changed once it is there: hosts run on it.
 */
export async function prepareBase(options: {
  readonly cacheDir: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}): Promise<string> {
  const base = basePath(options.cacheDir);
  if (existsSync(base)) return base;
  const folder = dirname(base);
  await makeDirectory(folder);
  await using _lock = await lockCache(folder, options.signal);
  if (existsSync(base)) return base;
  const { progress } = options;
  const task = { id: "sandbox-base", title: "Make the hosts' base root (Debian 12)", estimateSeconds: 25 };
  progress({ type: "task-started", ...task });
  const unfinished = join(folder, "unfinished");
  try {
    await rm(unfinished, { recursive: true, force: true }); // of one that was killed
    await installDebian(unfinished, options.signal);
    await furnish(unfinished);
    await runProgram(["sync", "--file-system", unfinished]);
    await rename(unfinished, base);
    progress({ type: "task-finished", id: task.id, outcome: "done" });
  } catch (error) {
    progress({ type: "task-failed", id: task.id, message: String(error) });
    throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return base;
}

/** Where the base is, or would be: the name changes with whatever goes into it. */
export function basePath(cacheDir: string): string {
  const recipe = JSON.stringify({
    version: 2,
    suite: "bookworm",
    arch: process.arch,
    packages,
    masked,
    files,
  });
  const hash = createHash("sha256").update(recipe).digest("hex").slice(0, 16);
  return join(cacheDir, "sandbox", `base-${hash}`);
}

/** mmdebstrap gets mount and PID namespaces of its own and dies with us: whoever is killed, nothing of it stays. */
async function installDebian(target: string, signal: AbortSignal | undefined): Promise<void> {
  const mirror = aptMirror(await aptSources());
  if (!mirror) {
    throw new SealerError("SANDBOX_IMPOSSIBLE", "apt of this machine names no mirror of Debian", {
      where: "/etc/apt/sources.list",
      hint: "Sandbox hosts are made of Debian 12's packages: add a line for bookworm's main.",
    });
  }
  const signed = mirror.signedBy && existsSync(mirror.signedBy) ? `[signed-by=${mirror.signedBy}] ` : "";
  const settings = (await runProgram(["apt-config", "dump"], { signal }))
    .split("\n")
    .filter((line) => /^Acquire::(https?::|Check-|Retries|ForceIPv)/.test(line));
  await runProgram(
    [
      ...(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork"] as const),
      ...[
        "--kill-child",
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--quiet",
        `--include=${packages.join(",")}`,
      ],
      ...settings.map((line) => `--aptopt=${line.replace(/;$/, "")}`),
      ...["bookworm", target, `deb ${signed}${mirror.uri} bookworm main`],
    ],
    {
      signal,
      hint: "It needs mmdebstrap (apt-get install mmdebstrap) and the mirror of this machine's apt.",
    },
  );
}

async function aptSources(): Promise<string[]> {
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => /\.(list|sources)$/.test(name))
    .sort();
  const paths = ["/etc/apt/sources.list", ...names.map((name) => join(folder, name))];
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8").catch(() => "")));
  return texts.filter(Boolean);
}

async function furnish(root: string): Promise<void> {
  for (const name of ["ebtables", "arptables"]) {
    // Debian's iptables brings these under other names as well; other distributions' does not.
    await runProgram(["chroot", root, "update-alternatives", "--quiet", "--remove-all", name]);
  }
  for (const [path, { text, mode = 0o644 }] of Object.entries(files)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), text);
    await chmod(join(root, path), mode);
  }
  for (const unit of masked) {
    await rm(join(root, "/etc/systemd/system", unit), { force: true });
    await symlink("/dev/null", join(root, "/etc/systemd/system", unit));
  }
  for (const name of await readdir(join(root, "/etc/ssh"))) {
    if (name.startsWith("ssh_host_")) await rm(join(root, "/etc/ssh", name));
  }
  await rm(join(root, "/etc/apt/apt.conf.d/99mmdebstrap"), { force: true });
}
