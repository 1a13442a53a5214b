import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "#files";

export interface MachinePlaces {
  /** /proc/sys */
  readonly settings: string;
  /** Gone after a reboot, as the changes are. */
  readonly notes: string;
  readonly processors: number;
}

const thisMachine: MachinePlaces = {
  settings: "/proc/sys",
  notes: "/run/sealer-sandbox",
  processors: availableParallelism(),
};

/**
 * Settings that no namespace has a copy of: what a host changes, the whole machine has. They are noted before the first
 * sandbox of this machine and put back after the last. Callers hold the machine's lock.
 */
export class MachineSettings {
  readonly #places: MachinePlaces;
  readonly #noted: string;
  readonly #users: string;

  constructor(places: MachinePlaces = thisMachine) {
    this.#places = places;
    this.#noted = join(places.notes, "settings.json");
    this.#users = join(places.notes, "users");
  }

  /** Counts a sandbox in: the first one notes, and every one sets what hosts need and cannot set themselves. */
  async take(id: string, folder: string): Promise<void> {
    await mkdir(this.#users, { recursive: true, mode: 0o700 });
    const now = await this.#read();
    if (!existsSync(this.#noted)) await writeFileAtomic(this.#noted, JSON.stringify(now));
    await writeFile(join(this.#users, id), folder);
    await this.#write(wantedSettings(now, this.#places.processors));
  }

  /** Counts a sandbox out: after the last one, what has changed is put back. */
  async leave(id: string): Promise<void> {
    await rm(join(this.#users, id), { force: true });
    if (!existsSync(this.#noted) || (await this.#isUsed())) return;
    const before = JSON.parse(await readFile(this.#noted, "utf8")) as Settings;
    const now = await this.#read();
    await this.#write(
      Object.fromEntries(Object.entries(before).filter(([name, value]) => now[name] !== value)),
    );
    await rm(this.#places.notes, { recursive: true });
  }

  /** A sandbox whose folder is gone does not count, however it went. */
  async #isUsed(): Promise<boolean> {
    for (const user of await readdir(this.#users)) {
      if (existsSync(await readFile(join(this.#users, user), "utf8"))) return true;
    }
    return false;
  }

  async #read(): Promise<Settings> {
    const settings: Record<string, string> = {};
    for (const name of machineWide) {
      const value = await readFile(this.#path(name), "utf8").catch(() => undefined);
      if (value !== undefined) settings[name] = value.trim();
    }
    return settings;
  }

  async #write(settings: Settings): Promise<void> {
    for (const [name, value] of Object.entries(settings)) await writeFile(this.#path(name), value);
  }

  #path(name: string): string {
    return join(this.#places.settings, name.replaceAll(".", "/"));
  }
}

type Settings = Readonly<Record<string, string>>;

/** What the kubelet, kube-proxy, systemd and the usual installation scripts write. */
const machineWide = [
  ..."vm.overcommit_memory vm.panic_on_oom vm.swappiness vm.max_map_count".split(" "),
  ..."kernel.panic kernel.panic_on_oops kernel.softlockup_panic kernel.sysrq kernel.core_pattern".split(" "),
  ..."kernel.core_uses_pid kernel.pid_max kernel.threads-max".split(" "),
  ..."kernel.keys.root_maxkeys kernel.keys.root_maxbytes".split(" "),
  ..."fs.file-max fs.nr_open fs.may_detach_mounts".split(" "),
  ..."fs.inotify.max_user_instances fs.inotify.max_user_watches".split(" "),
  ..."fs.protected_hardlinks fs.protected_symlinks fs.protected_fifos fs.protected_regular".split(" "),
  ..."net.netfilter.nf_conntrack_buckets net.netfilter.nf_conntrack_max".split(" "),
] as const;

/** The settings that have to change for hosts to work on this machine, out of what they are now. */
function wantedSettings(now: Settings, processors: number): Settings {
  const wanted: Record<string, string> = {};
  // kube-proxy wants exactly this (its conntrack.maxPerCore and conntrack.min) and may not write it in a host.
  const tracked = String(Math.max(32_768 * processors, 131_072));
  const known = now["net.netfilter.nf_conntrack_max"];
  if (known !== undefined && known !== tracked) wanted["net.netfilter.nf_conntrack_max"] = tracked;
  // All hosts' root is one user to the kernel, so that they share these.
  const least = { "fs.inotify.max_user_instances": 8192, "fs.inotify.max_user_watches": 524_288 };
  for (const [name, value] of Object.entries(least)) {
    if (Number(now[name]) < value) wanted[name] = String(value);
  }
  return wanted;
}
