import { randomUUID } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { machine } from "node:os";
import { dirname, join } from "node:path";
import { type CommandResult, type FileStat, type LookingProgram, PosixHost, type WriteOptions } from "#hosts";
import { type HostPlace, NamespaceLauncher } from "./namespace-launcher.ts";

/**
 * A host in namespaces whose looks are answered from its folders, and whose files are written there, without a process for
 * each: what a command would say or do there is known here. What it runs, it runs for real.
 */
export class QuickHost extends PosixHost {
  readonly #place: HostPlace;

  constructor(place: HostPlace) {
    super(new NamespaceLauncher(place));
    this.#place = place;
  }

  override readFile(path: string): Promise<Buffer | undefined> {
    return unlessAbsent(readFile(this.#file(path)));
  }

  override async stat(path: string): Promise<FileStat | undefined> {
    const facts = await unlessAbsent(lstat(this.#file(path)));
    if (!facts) return undefined;
    const { size, uid, gid } = facts;
    return {
      type: types.get(facts.mode & constants.S_IFMT) ?? "other",
      size,
      mode: facts.mode & 0o7777,
      uid,
      gid,
    };
  }

  override async list(path: string): Promise<readonly string[] | undefined> {
    return (await unlessAbsent(readdir(this.#file(path))))?.sort();
  }

  override async writeFile(
    path: string,
    content: Uint8Array | string,
    options: WriteOptions = {},
  ): Promise<void> {
    const { mode = 0o644, owner = { uid: 0, gid: 0 } } = options;
    const file = this.#file(path);
    const temporary = join(dirname(file), `.${randomUUID()}`);
    await mkdir(dirname(file), { recursive: true, mode: mode & 0o077 ? 0o755 : 0o700 });
    await writeFile(temporary, content, { mode: 0o600 });
    await chown(temporary, owner.uid, owner.gid);
    await chmod(temporary, mode);
    await rename(temporary, file);
  }

  override async query(argv: readonly [LookingProgram, ...string[]]): Promise<CommandResult> {
    const said = await this.#answer(argv);
    return said === undefined ? super.query(argv) : { exitCode: 0, stdout: `${said}\n`, stderr: "" };
  }

  /** Undefined for what only the played program knows. */
  async #answer([program, ...args]: readonly [LookingProgram, ...string[]]): Promise<string | undefined> {
    switch (program) {
      case "hostname":
        return this.#place.name;
      case "uname":
        return machine();
      case "date":
        return `${Date.now() / 1000}`;
      case "df":
        return "Avail\n50000000000";
      case "ip-address":
        return `2: eth0    inet ${(await this.#fake("address")).trim()}/24 scope global eth0`;
      case "nproc":
        return (await this.#fake("nproc")) || "2";
      case "listening-ports":
        return this.#fake("listening");
      case "systemctl-is-active":
        return args.map((unit) => (this.#has(`/run/active/${unit}`) ? "active" : "inactive")).join("\n");
      case "command-exists":
        return args
          .flatMap(
            (name) => folders.map((folder) => `${folder}/${name}`).find((path) => this.#has(path)) ?? [],
          )
          .join("\n");
      case "cat":
        return Buffer.concat(await Promise.all(args.map((path) => readFile(this.#file(path))))).toString();
      default:
        return undefined;
    }
  }

  async #fake(name: string): Promise<string> {
    return (await this.readFile(`/etc/fake/${name}`))?.toString() ?? "";
  }

  #has(path: string): boolean {
    return existsSync(this.#file(path));
  }

  #file(path: string): string {
    const { files, shared } = this.#place;
    if (/^\/(etc|run|root|var\/lib)(\/|$)/.test(path)) return join(files, path);
    return path.replace(/^\/usr\/local\/sbin(?=\/|$)/, `${files}/sbin`).replace(/^\/srv(?=\/|$)/, shared);
  }
}

const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

const types = new Map([
  [constants.S_IFREG, "file"],
  [constants.S_IFDIR, "directory"],
  [constants.S_IFLNK, "symlink"],
] as const);

async function unlessAbsent<Found>(looking: Promise<Found>): Promise<Found | undefined> {
  return looking.catch((error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
}
