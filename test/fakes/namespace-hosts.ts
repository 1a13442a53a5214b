import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostPlace } from "./namespace-launcher.ts";

/**
 * Hosts for tests that run sealer's own scripts for real: each is a mount and a UTS namespace with folders of its own
 * over /etc, /run, /root, /srv, /var/lib and /usr/local/sbin, where the programs that would need a machine are played
 * by scripts that keep their state on disk. Needs root.
 */
export class NamespaceHosts implements AsyncDisposable {
  readonly folder: string;
  readonly hosts: readonly NamespaceHost[];

  /** @param programs bash scripts by the name of the program that they play; an empty one does nothing */
  static async create(
    addresses: readonly string[],
    programs: Readonly<Record<string, string>>,
  ): Promise<NamespaceHosts> {
    if (process.getuid?.() !== 0) throw new Error("this test needs root: it makes mount namespaces");
    const folder = await mkdtemp(join(tmpdir(), "sealer-hosts-"));
    await mkdir(join(folder, "shared"));
    const hosts: NamespaceHost[] = [];
    const made = new NamespaceHosts(folder, hosts);
    try {
      for (const [position, address] of addresses.entries()) {
        hosts.push(await NamespaceHost.start(folder, `host-${position + 1}`, address, programs));
      }
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(folder: string, hosts: readonly NamespaceHost[]) {
    this.folder = folder;
    this.hosts = hosts;
  }

  at(address: string): NamespaceHost {
    const host = this.hosts.find((one) => one.address === address);
    if (!host) throw new Error(`there is no host ${address}`);
    return host;
  }

  /** What the played programs noted, a line each: `host-1 kubeadm init`. */
  async noted(): Promise<readonly string[]> {
    const text = await readFile(join(this.folder, "shared", "noted"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class NamespaceHost implements HostPlace {
  readonly name: string;
  readonly address: string;
  readonly files: string;
  readonly shared: string;
  readonly #holder: ChildProcess;

  static async start(
    folder: string,
    name: string,
    address: string,
    programs: Readonly<Record<string, string>>,
  ): Promise<NamespaceHost> {
    const files = join(folder, name);
    const shared = join(folder, "shared");
    for (const path of ["etc/alternatives", "etc/fake", "run", "root", "var/lib", "sbin"]) {
      await mkdir(join(files, path), { recursive: true });
    }
    for (const path of ["passwd", "group", "nsswitch.conf", "ld.so.cache"]) {
      await cp(`/etc/${path}`, join(files, "etc", path));
    }
    await writeFile(
      join(files, "etc/machine-id"),
      `${Buffer.from(address).toString("hex").padEnd(32, "0")}\n`,
    );
    await writeFile(join(files, "etc/hosts"), "127.0.0.1 localhost\n");
    await writeFile(join(files, "etc/fake/address"), `${address}\n`);
    for (const [program, script] of Object.entries({ ...commonPrograms, ...programs })) {
      const text = script === "" ? "#!/bin/true\n" : `#!/bin/bash\n${script}\n`;
      await writeFile(join(files, "sbin", program), text, { mode: 0o755 });
    }
    const holder = spawn(
      "unshare",
      ["--mount", "--uts", "--propagation", "private", "bash", "-c", enter, name, files, shared],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const ended = once(holder, "exit").then(() => {
      throw new Error("a namespace for a host could not be made");
    });
    await Promise.race([once(holder.stdout!, "data"), ended]);
    ended.catch(() => {});
    return new NamespaceHost({ name, address, files, shared }, holder);
  }

  private constructor({ name, address, files, shared }: Omit<HostPlace, "pid">, holder: ChildProcess) {
    this.name = name;
    this.address = address;
    this.files = files;
    this.shared = shared;
    this.#holder = holder;
  }

  get pid(): number {
    return this.#holder.pid ?? 0;
  }

  get place(): HostPlace {
    const { name, address, pid, files, shared } = this;
    return { name, address, pid, files, shared };
  }

  async stop(): Promise<void> {
    if (this.#holder.exitCode !== null) return;
    const gone = once(this.#holder, "exit");
    this.#holder.stdin?.end();
    await gone;
  }
}

const enter = `
set -e
name=$0 files=$1 shared=$2
hostname "$name"
mount --bind /etc/alternatives "$files/etc/alternatives"
for path in etc run root var/lib; do mount --rbind "$files/$path" "/$path"; done
mount --bind "$files/sbin" /usr/local/sbin
mount --bind "$shared" /srv
echo ready
cat
`;

const commonPrograms = {
  ip: 'echo "2: eth0    inet $(cat /etc/fake/address)/24 brd 10.0.0.255 scope global eth0"',
  ss: "cat /etc/fake/listening 2>/dev/null || :",
  nproc: "cat /etc/fake/nproc 2>/dev/null || echo 2",
  iptables: "",
  modprobe: "",
  // Nothing here loses its power.
  sync: "",
  sysctl: "",
  systemctl: `case $1 in
  is-active) shift; [ "$1" != -- ] || shift; for unit; do if [ -e "/run/active/$unit" ]; then echo active; else echo inactive; fi; done ;;
esac`,
};
