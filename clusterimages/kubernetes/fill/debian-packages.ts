import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import type { FillCache } from "./fill-cache.ts";
import { runProgram } from "./run-program.ts";

const release = "bookworm";
const installedFormat = "${db:Status-Status}";

/**
 * Debian's packages and sources, through apt with package lists of its own: the machine's lists and sources stay as they
 * are. The mirrors are those that the machine uses.
 */
export class DebianPackages {
  readonly #cache: FillCache;
  readonly #options: readonly string[];
  readonly #signal: AbortSignal | undefined;

  private constructor(cache: FillCache, options: readonly string[], signal: AbortSignal | undefined) {
    this.#cache = cache;
    this.#options = options;
    this.#signal = signal;
  }

  /** @throws SANDBOX_IMPOSSIBLE where this machine is not the Debian release that the programs are from */
  static async open(cache: FillCache, signal?: AbortSignal): Promise<DebianPackages> {
    const system = await readFile("/etc/os-release", "utf8").catch(() => "");
    if (!system.includes(`VERSION_CODENAME=${release}`)) {
      throw new SealerError(
        "FILE_INVALID",
        `filling from Debian's packages works on Debian 12 (${release}) only`,
        {
          where: "/etc/os-release",
          hint: "Run it there, or fill from the official downloads: --from official",
        },
      );
    }
    const folder = await cache.scratch("apt");
    const lists = join(folder, "lists");
    await mkdir(join(lists, "partial"), { recursive: true });
    await mkdir(join(folder, "archives/partial"), { recursive: true });
    await writeFile(join(folder, "sources.list"), await sourcesOfThisMachine(signal));
    const options = [
      `Dir::Etc::sourcelist=${join(folder, "sources.list")}`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${lists}`,
      `Dir::Cache=${folder}`,
      "APT::Sandbox::User=root",
      "Acquire::Retries=3",
    ].flatMap((option) => ["-o", option]);
    const packages = new DebianPackages(cache, options, signal);
    const known = (await readdir(lists)).some((name) => name.endsWith("_InRelease"));
    if (!known) await packages.refresh();
    return packages;
  }

  /** Looks at the mirrors for newer packages. */
  async refresh(): Promise<void> {
    await this.#apt("apt-get", ["update", "--quiet"]);
  }

  /** Installs packages on this machine, for building; what is there stays untouched. */
  async install(names: readonly string[]): Promise<void> {
    const missing: string[] = [];
    for (const name of names) {
      const status = await runProgram("dpkg-query", ["-W", "-f", installedFormat, name]).catch(() => "");
      if (!status.startsWith("installed")) missing.push(name);
    }
    if (missing.length === 0) return;
    await this.#apt("apt-get", ["install", "--yes", "--quiet", "--no-install-recommends", ...missing]);
    // The project's scripts tell from it what was installed for this project.
    await appendFile(join(this.#cache.root, "../installed-packages"), `${missing.join("\n")}\n`);
  }

  /** Where the files of the packages, and of every library package that they depend on, lie unpacked together. */
  async unpacked(name: string, packages: readonly string[]): Promise<string> {
    const wanted = [...packages, ...(await this.#librariesOf(packages))];
    const described = await this.#apt("apt-cache", ["show", "--no-all-versions", ...wanted]);
    const digests = [...described.matchAll(/^SHA256: (\w+)$/gm)].map(([, digest = ""]) => digest).sort();
    return this.#cache.folder(name, digests, async (folder) => {
      const archives = await this.#cache.scratch(`apt/${name}`);
      await this.#fetch(["download", "--quiet", ...wanted], archives);
      for (const archive of (await readdir(archives)).filter((file) => file.endsWith(".deb")).sort()) {
        await runProgram("dpkg-deb", ["-x", join(archives, archive), folder]);
      }
      await runProgram("rm", ["-rf", archives]);
    });
  }

  /** A folder with the files of a source package, among them one `.dsc`. */
  async source(name: string): Promise<string> {
    const described = await this.#apt("apt-cache", ["showsrc", "--only-source", name]);
    const versions = [...described.matchAll(/^Version: (\S+)$/gm)].map(([, version = ""]) => version);
    if (versions.length === 0) {
      throw new SealerError("FILE_NOT_FOUND", `Debian's mirror has no source package '${name}'`);
    }
    const version = await highest(versions);
    return this.#cache.folder(`${name}-source`, [version], (folder) =>
      this.#fetch(["source", "--quiet", "--download-only", `${name}=${version}`], folder),
    );
  }

  /** Downloads into a folder; a list that names a package which a mirror no longer has is refreshed once. */
  async #fetch(args: readonly string[], folder: string): Promise<void> {
    try {
      await this.#apt("apt-get", args, folder);
    } catch {
      await this.refresh();
      await this.#apt("apt-get", args, folder);
    }
  }

  async #librariesOf(packages: readonly string[]): Promise<string[]> {
    const leftOut = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
    const tree = await this.#apt("apt-cache", [
      "depends",
      "--recurse",
      ...leftOut.map((kind) => `--no-${kind}`),
      ...packages,
    ]);
    const names = tree.split("\n").filter((line) => /^(lib|zlib1g)[\w.+-]*$/.test(line));
    const real = await this.#apt("apt-cache", ["pkgnames", "lib"]);
    const existing = new Set([...real.split("\n"), "zlib1g"]);
    const programmingLanguages = /perl|python|elogind|debian-installer/;
    return [...new Set(names)]
      .filter((name) => existing.has(name) && !packages.includes(name) && !programmingLanguages.test(name))
      .sort();
  }

  async #apt(program: "apt-get" | "apt-cache", args: readonly string[], cwd?: string): Promise<string> {
    return runProgram(program, [...this.#options, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      signal: this.#signal,
    });
  }
}

/** One line a repository, for packages and for sources. */
async function sourcesOfThisMachine(signal: AbortSignal | undefined): Promise<string> {
  const targets = await runProgram(
    "apt-get",
    ["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
    { signal },
  );
  const repositories = [...new Set(targets.split("\n"))].filter((line) =>
    / bookworm(-\w+)? main$/.test(line),
  );
  if (repositories.length === 0) {
    throw new SealerError("FILE_INVALID", `apt on this machine knows no mirror of Debian ${release}`, {
      where: "/etc/apt/sources.list",
    });
  }
  const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
  const option = existsSync(key) ? `[signed-by=${key}] ` : "";
  return repositories.map((line) => `deb ${option}${line}\ndeb-src ${option}${line}\n`).join("");
}

async function highest(versions: readonly string[]): Promise<string> {
  let best = versions[0] ?? "";
  for (const version of versions) {
    const newer = await runProgram("dpkg", ["--compare-versions", version, "gt", best]).then(
      () => true,
      () => false,
    );
    if (newer) best = version;
  }
  return best;
}
