import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CgroupLayout, cgroupLayout } from "./cgroup-layout.ts";

export async function readCgroupLayout(): Promise<CgroupLayout> {
  return cgroupLayout(
    await readFile("/proc/self/cgroup", "utf8"),
    await readFile("/proc/self/mountinfo", "utf8"),
  );
}

/** Makes a host's cgroup in every hierarchy and returns the folders, which `listPath` has before they are made. */
export async function makeCgroups(layout: CgroupLayout, name: string, listPath: string): Promise<string[]> {
  const folders = layout.hierarchies.map(({ parent }) => join(parent, name));
  await writeFile(listPath, folders.map((folder) => `${folder}\n`).join(""));
  for (const { parent } of layout.hierarchies) {
    if (layout.kind === "v2") await enableControllers(parent);
    await mkdir(join(parent, name), { recursive: true });
    await inheritCpuset(parent, join(parent, name));
  }
  return folders;
}

/** Removes what `makeCgroups` made, wherever that got to, with whatever still lives there. */
export async function removeCgroups(listPath: string): Promise<void> {
  const list = existsSync(listPath) ? await readFile(listPath, "utf8") : "";
  for (const folder of list.split("\n").filter(Boolean)) await removeTree(folder);
}

/** Removes cgroups whose list is lost, with whatever still lives there: all that begin with these letters. */
export async function removeStrayCgroups(prefix: string): Promise<void> {
  for (const { parent } of (await readCgroupLayout()).hierarchies) {
    const strays = (await readdir(parent)).filter((name) => name.startsWith(prefix));
    for (const name of strays) await removeTree(join(parent, name));
  }
}

/** cgroup-v2.rst, "Controlling Controllers": children have only what their parent enables for them. */
async function enableControllers(parent: string): Promise<void> {
  const available = (await readFile(join(parent, "cgroup.controllers"), "utf8")).split(/\s+/).filter(Boolean);
  for (const controller of available) {
    // One at a time: a controller that cannot be had (cpu with real-time tasks about) must not keep the others away.
    await writeFile(join(parent, "cgroup.subtree_control"), `+${controller}`).catch(() => {});
  }
}

/** In version 1 a new cpuset has no processors, and takes no process until it has some. */
async function inheritCpuset(parent: string, folder: string): Promise<void> {
  if (!existsSync(join(folder, "cgroup.clone_children")) || !existsSync(join(folder, "cpuset.cpus"))) return;
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    await writeFile(join(folder, file), readFileSync(join(parent, file), "utf8").trim());
  }
  await writeFile(join(folder, "cgroup.clone_children"), "1");
}

async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const entries = await readdir(folder, { withFileTypes: true });
  for (const child of entries.filter((entry) => entry.isDirectory()))
    await removeTree(join(folder, child.name));
  for (let patience = 500; ; patience--) {
    await killMembers(folder);
    try {
      return await rmdir(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || patience === 0) throw error;
      await sleep(10); // the dead leave their cgroup a little later
    }
  }
}

async function killMembers(folder: string): Promise<void> {
  const members = await readFile(join(folder, "cgroup.procs"), "utf8").catch(() => "");
  for (const pid of members.split("\n").map(Number)) {
    try {
      if (pid > 0) process.kill(pid, "SIGKILL");
    } catch {
      // it has ended meanwhile
    }
  }
}
