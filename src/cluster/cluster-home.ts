import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { checkClusterName, type DesiredCluster } from "#clusterfile";
import { SealerError } from "#errors";
import { writeFileAtomic } from "#files";
import { generateKeyPair } from "#hosts";
import type { ContainerRuntime } from "#kubernetes";
import { FileJournal } from "./journal.ts";

/** What this machine remembers of a cluster. */
export interface ClusterState {
  readonly version: 1;
  readonly desired: DesiredCluster;
  /** The digest of the ClusterImage. */
  readonly imageDigest: string;
  /** Host names, by address. */
  readonly names: Readonly<Record<string, string>>;
  readonly registry: {
    readonly domain: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
  };
  readonly runtime: ContainerRuntime;
  /** Hosts from which a delete that has not ended yet has removed everything but the key. */
  readonly cleaned?: readonly string[] | undefined;
  /** Whether the cluster's key is installed on the hosts. */
  readonly ownKey: boolean;
  /** Set where sealer made the hosts themselves. */
  readonly provider?: "sandbox" | undefined;
}

/** The folder `<home>/<cluster>`: 0700, its files 0600. */
export class ClusterHome {
  readonly folder: string;
  readonly #name: string;

  /** @throws USAGE for what cannot be a cluster's name */
  constructor(home: string, name: string) {
    checkClusterName(name);
    this.#name = name;
    this.folder = join(home, name);
  }

  get knownHosts(): string {
    return join(this.folder, "known_hosts");
  }

  get adminConf(): string {
    return join(this.folder, "admin.conf");
  }

  async prepare(): Promise<void> {
    for (const folder of [this.folder, join(this.folder, "pki"), join(this.folder, "ssh")]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }

  /** Undefined where there is no such cluster. @throws FILE_INVALID where its state cannot be read */
  async load(): Promise<ClusterState | undefined> {
    const path = join(this.folder, "state.json");
    const text = await readIfThere(path);
    if (text === undefined) return undefined;
    const state = parseState(text);
    if (state) return state;
    throw new SealerError("FILE_INVALID", `the state of the cluster ${this.#name} cannot be read`, {
      where: path,
      hint: "It is not taken for a cluster that does not exist. Put the file back, or move it away if the hosts are gone.",
    });
  }

  async save(state: ClusterState): Promise<void> {
    await this.writeSecret("state.json", `${JSON.stringify(state, undefined, 2)}\n`);
  }

  /** A file that nobody else may read. */
  async writeSecret(name: string, content: string): Promise<void> {
    await writeFileAtomic(join(this.folder, name), content, { mode: 0o600 });
  }

  readSecret(name: string): Promise<string | undefined> {
    return readIfThere(join(this.folder, name));
  }

  /** The cluster's own SSH key, made when it is asked for first. */
  async sshKey(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
    const [privateKey, publicKey] = [
      await this.readSecret("ssh/id_ed25519"),
      await this.readSecret("ssh/id_ed25519.pub"),
    ];
    if (privateKey !== undefined && publicKey !== undefined)
      return { privateKey, publicKey: publicKey.trim() };
    const made = generateKeyPair("");
    await this.writeSecret("ssh/id_ed25519.pub", `${made.publicKey.trim()}\n`);
    await this.writeSecret("ssh/id_ed25519", made.privateKey);
    return { privateKey: made.privateKey, publicKey: made.publicKey.trim() };
  }

  journal(): Promise<FileJournal> {
    return FileJournal.open(join(this.folder, "journal"), randomBytes(6).toString("hex"));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Names of all clusters that `home` knows, sorted. */
export async function listClusters(home: string): Promise<readonly string[]> {
  const entries = await readdir(home, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const known = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(async ({ name }) =>
        (await readIfThere(join(home, name, "state.json"))) === undefined ? [] : [name],
      ),
  );
  return known.flat().sort();
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parseState(text: string): ClusterState | undefined {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const textMap = z.record(z.string(), z.string());
const stateSchema = z.object({
  version: z.literal(1),
  desired: z.object({
    name: z.string(),
    image: z.string(),
    hosts: z
      .array(
        z.object({
          address: z.string(),
          port: z.number(),
          user: z.string(),
          roles: z.array(z.enum(["master", "node"])),
        }),
      )
      .min(1),
    env: textMap,
    cmdArgs: textMap,
  }),
  imageDigest: z.string(),
  names: textMap,
  registry: z.object({ domain: z.string(), port: z.number(), username: z.string(), password: z.string() }),
  runtime: z.enum(["docker", "containerd"]),
  cleaned: z.array(z.string()).optional(),
  ownKey: z.boolean(),
  provider: z.literal("sandbox").optional(),
});
