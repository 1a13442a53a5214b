import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import { buildUnzstd } from "./build-unzstd.ts";
import { DebianPackages } from "./debian-packages.ts";
import { debianPrograms, programPackages } from "./debian-programs.ts";
import { downloadLocked, type LockedDownloadOptions } from "./download-locked.ts";
import type { FillCache } from "./fill-cache.ts";
import type { FillTarget } from "./fill-target.ts";
import { type LockedFile, parseLockTable, pinDigest } from "./lock-table.ts";
import { packTarGzip } from "./pack.ts";
import { runProgram } from "./run-program.ts";

export interface OfficialFillOptions extends Omit<LockedDownloadOptions, "trustUnknown"> {
  readonly lockFile: string;
  /** Writes the digests that were found into the lock file. */
  readonly pin?: boolean;
  /**
   * Nobody publishes conntrack, socat, ipset and ipvsadm as static programs: they come from Debian's packages, with their
   * libraries, or every host must have them.
   */
  readonly hostPrograms: "debian" | "none";
}

/**
 * Fills the rootfs with the programs as their projects publish them, which run on any distribution. The container images
 * of the control plane are left to `sealer build`, which pulls them.
 */
export async function fillFromOfficial(
  target: FillTarget,
  cache: FillCache,
  options: OfficialFillOptions,
): Promise<void> {
  const { lockFile, pin = false, hostPrograms, ...downloading } = options;
  const table = await readFile(lockFile, "utf8");
  const files = parseLockTable(table, lockFile);
  const downloads = new Map<string, string>();
  let pinned = table;
  for (const file of files) {
    const { path, sha256 } = await cachedDownload(file, cache, { ...downloading, trustUnknown: pin });
    downloads.set(file.name, path);
    pinned = pinDigest(pinned, file.name, sha256);
  }
  if (pin) await writeFile(lockFile, pinned);
  await arrange(downloads, lockFile, target);
  if (hostPrograms === "debian") await addHostPrograms(target, cache, options.signal);
}

/** A file whose digest is pinned is kept in the cache; of the others, the publisher is asked each time. */
async function cachedDownload(
  file: LockedFile,
  cache: FillCache,
  options: LockedDownloadOptions,
): Promise<{ path: string; sha256: string }> {
  if (file.digest.kind !== "pinned") {
    return downloadLocked(file, await cache.scratch("official"), options);
  }
  const { sha256 } = file.digest;
  // A broken download is continued, so it is not made in the folder that a failure removes.
  const folder = await cache.folder(`official-${file.name}`, [sha256], async (output) => {
    const found = await downloadLocked(file, await cache.scratch("official"), options);
    await copyFile(found.path, join(output, "file"));
    await rm(found.path);
  });
  return { path: join(folder, "file"), sha256 };
}

async function arrange(
  downloads: ReadonlyMap<string, string>,
  lockFile: string,
  { rootfs }: FillTarget,
): Promise<void> {
  const of = (name: string) => {
    const path = downloads.get(name);
    if (path === undefined) throw new SealerError("FILE_INVALID", `${name} is missing`, { where: lockFile });
    return path;
  };
  const bin = join(rootfs, "bin");
  const cri = join(rootfs, "cri");
  const staging = join(rootfs, ".staging");
  for (const folder of [bin, cri, join(rootfs, "lib"), staging]) await mkdir(folder, { recursive: true });
  for (const name of ["kubeadm", "kubelet", "kubectl"]) await copyFile(of(name), join(bin, name));
  await runProgram("tar", ["-xzf", of("crictl"), "-C", bin, "--no-same-owner", "crictl"]);
  await copyFile(of("docker"), join(cri, "docker.tar.gz"));
  await copyFile(of("cni"), join(cri, "cni.tar.gz"));
  await runProgram("tar", ["-xzf", of("containerd"), "-C", staging, "--no-same-owner", "bin"]);
  await copyFile(of("runc"), join(staging, "bin/runc"));
  await chmod(join(staging, "bin/runc"), 0o755);
  await packTarGzip(staging, join(cri, "containerd.tar.gz"), ["bin"]);
  await rm(staging, { recursive: true });
}

async function addHostPrograms(target: FillTarget, cache: FillCache, signal?: AbortSignal): Promise<void> {
  const debian = await DebianPackages.open(cache, signal);
  const packages = await debian.unpacked("host-packages", programPackages["host programs"]);
  await cp(await debianPrograms(packages, "host programs", debian, cache), target.rootfs, {
    recursive: true,
  });
  await buildUnzstd(debian, cache, join(target.rootfs, "lib/unzstd"));
}
