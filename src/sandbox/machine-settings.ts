import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "#files";

/**
 * Settings that a network or PID namespace has no copy of: what a host changes, the whole machine has. They are noted
 * before the first sandbox of this machine and put back after the last. A reboot of the machine forgets both the
 * changes and /run, where the notes are.
 */
const notes = "/run/sealer-sandbox";
const noted = join(notes, "settings.json");
const users = join(notes, "users");

/** What the kubelet, kube-proxy, systemd and the usual installation scripts write. */
const machineWide = [
  ..."vm.overcommit_memory vm.panic_on_oom vm.swappiness vm.max_map_count".split(" "),
  ..."kernel.panic kernel.panic_on_oops kernel.pid_max kernel.threads-max kernel.sysrq kernel.core_pattern".split(
    " ",
  ),
  ..."kernel.keys.root_maxkeys kernel.keys.root_maxbytes kernel.core_uses_pid kernel.softlockup_panic".split(
    " ",
  ),
  ..."fs.file-max fs.nr_open fs.may_detach_mounts fs.inotify.max_user_instances fs.inotify.max_user_watches".split(
    " ",
  ),
  ..."fs.protected_hardlinks fs.protected_symlinks fs.protected_fifos fs.protected_regular".split(" "),
  ..."net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_max".split(" "),
] as const;

/** Counts the sandbox in; the first one notes and sets. The caller holds the machine's lock. */
export async function takeMachine(id: string, folder: string): Promise<void> {
  await mkdir(users, { recursive: true, mode: 0o700 });
  if (!existsSync(noted)) await writeFileAtomic(noted, JSON.stringify(await readSettings()));
  await writeFile(join(users, id), folder);
  for (const [name, value] of Object.entries(wantedSettings(await readSettings(), availableParallelism()))) {
    await writeFile(settingPath(name), value);
  }
}

/** Counts the sandbox out; the last one puts back what has changed. The caller holds the machine's lock. */
export async function leaveMachine(id: string): Promise<void> {
  await rm(join(users, id), { force: true });
  for (const user of await readdir(users).catch(() => [])) {
    const folder = await readFile(join(users, user), "utf8");
    if (existsSync(folder)) return;
  }
  if (!existsSync(noted)) return;
  const before = JSON.parse(await readFile(noted, "utf8")) as Settings;
  const now = await readSettings();
  for (const [name, value] of Object.entries(before)) {
    if (now[name] !== value) await writeFile(settingPath(name), value);
  }
  await rm(notes, { recursive: true });
}

type Settings = Readonly<Record<string, string>>;

/** What has to differ from `now`, so that a node works that can only read these. */
export function wantedSettings(now: Settings, processors: number): Settings {
  const wanted: Record<string, string> = {};
  // kube-proxy wants exactly this (its --conntrack-max-per-core and --conntrack-min) and may not write it.
  const tracked = String(Math.max(32_768 * processors, 131_072));
  if (now["net.netfilter.nf_conntrack_max"] !== tracked) wanted["net.netfilter.nf_conntrack_max"] = tracked;
  // All hosts are one user to the kernel, so that they share these.
  const least = { "fs.inotify.max_user_instances": 8192, "fs.inotify.max_user_watches": 524_288 };
  for (const [name, value] of Object.entries(least)) {
    if (Number(now[name]) < value) wanted[name] = String(value);
  }
  return wanted;
}

async function readSettings(): Promise<Settings> {
  const settings: Record<string, string> = {};
  for (const name of machineWide) {
    const value = await readFile(settingPath(name), "utf8").catch(() => undefined);
    if (value !== undefined) settings[name] = value.trim();
  }
  return settings;
}

const settingPath = (name: string) => `/proc/sys/${name.replaceAll(".", "/")}`;
