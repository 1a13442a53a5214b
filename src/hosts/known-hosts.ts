import { createHash, createHmac } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { SealerError } from "#errors";
import { writeFileAtomic } from "#files";
import { hostName } from "./host-name.ts";

export interface KnownHostsOptions {
  /** What becomes of the key of a host that was never seen: it is remembered, or refused. */
  readonly unknown?: "remember" | "refuse";
}

/** The keys by which hosts are known again, in a file of OpenSSH's known_hosts format (sshd(8)). */
export class KnownHosts {
  readonly path: string;
  readonly #unknown: "remember" | "refuse";
  /** Changes to the file follow one another: many hosts are met at once. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string, { unknown = "remember" }: KnownHostsOptions = {}) {
    this.path = path;
    this.#unknown = unknown;
  }

  /** The types of the keys that are known for a host, such as `ssh-ed25519`. */
  async knownTypes(address: string, port: number): Promise<readonly string[]> {
    const known = await this.#linesOf(address, port);
    return known.filter(({ marker }) => marker === undefined).map(({ type }) => type);
  }

  /**
   * Accepts the key that a host shows, or refuses it. A key at first sight is remembered.
   * @param key the key as SSH sends it (RFC 4253, section 6.6)
   * @throws HOST_KEY_CHANGED when the host is known by another key; HOST_KEY_UNKNOWN
   */
  check(address: string, port: number, key: Buffer): Promise<{ fingerprint: string; firstSeen: boolean }> {
    return this.#inTurn(async () => {
      const fingerprint = fingerprintOf(key);
      const known = await this.#linesOf(address, port);
      const shown = key.toString("base64");
      if (known.some((line) => line.marker === "@revoked" && line.key === shown)) {
        throw changed(address, port, fingerprint, known, this.path, "is marked as revoked");
      }
      const plain = known.filter(({ marker }) => marker === undefined);
      if (plain.some((line) => line.key === shown)) return { fingerprint, firstSeen: false };
      if (plain.length > 0) throw changed(address, port, fingerprint, plain, this.path, "has changed");
      if (this.#unknown === "refuse") throw unknown(address, port, fingerprint, this.path);
      await this.#append(`${fileName(address, port)} ${typeOf(key)} ${shown}\n`);
      return { fingerprint, firstSeen: true };
    });
  }

  /** Forgets every key of a host. Other lines stay as they are. */
  forget(address: string, port = 22): Promise<void> {
    return this.#inTurn(async () => {
      const text = await this.#read();
      const name = fileName(address, port);
      const kept = text.split(/(?<=\n)/).flatMap((line) => withoutName(line, name));
      if (kept.join("") !== text) await writeFileAtomic(this.path, kept.join(""), { mode: 0o600 });
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #linesOf(address: string, port: number): Promise<KnownLine[]> {
    const name = fileName(address, port);
    return parseLines(await this.#read()).filter((line) => matches(line.hosts, name));
  }

  async #read(): Promise<string> {
    try {
      return await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw error;
    }
  }

  async #append(line: string): Promise<void> {
    const text = await this.#read();
    const gap = text === "" || text.endsWith("\n") ? "" : "\n";
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    await writeFile(this.path, gap + line, { flag: "a", mode: 0o600, flush: true });
  }
}

/** As `ssh-keygen -l` prints it: `SHA256:` and the digest in base64 without padding. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

interface KnownLine {
  readonly marker: string | undefined;
  readonly hosts: string;
  readonly type: string;
  readonly key: string;
}

function parseLines(text: string): KnownLine[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
    const [hosts, type, key] = words;
    return !hosts || hosts.startsWith("#") || !type || !key ? [] : [{ marker, hosts, type, key }];
  });
}

/** A host's name in the file: `10.0.0.1`, or `[10.0.0.1]:2222` where the port is not 22. */
function fileName(address: string, port: number): string {
  const host = address.toLowerCase();
  return port === 22 ? host : `[${host}]:${port}`;
}

function matches(patterns: string, name: string): boolean {
  let found = false;
  for (const pattern of patterns.split(",")) {
    const negated = pattern.startsWith("!");
    if (!matchesOne(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

function matchesOne(pattern: string, name: string): boolean {
  if (pattern.startsWith("|1|")) {
    const [salt = "", hash = ""] = pattern.slice(3).split("|");
    return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
  }
  const source = pattern.toLowerCase().replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${source.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
}

/** The line without that name; nothing when it named only that host. */
function withoutName(line: string, name: string): string[] {
  const [known] = parseLines(line);
  if (!known || known.marker === "@cert-authority") return [line];
  const patterns = known.hosts.split(",");
  const others = patterns.filter((pattern) => pattern.toLowerCase() !== name && !hashMatches(pattern, name));
  if (others.length === patterns.length) return [line];
  return others.length === 0 ? [] : [line.replace(known.hosts, others.join(","))];
}

function hashMatches(pattern: string, name: string): boolean {
  return pattern.startsWith("|1|") && matchesOne(pattern, name);
}

function typeOf(key: Buffer): string {
  return key.toString("utf8", 4, 4 + key.readUInt32BE(0));
}

function changed(
  address: string,
  port: number,
  fingerprint: string,
  known: readonly KnownLine[],
  path: string,
  what: string,
): SealerError {
  const host = hostName(address, port);
  const before = known
    .map(({ type, key }) => `${type} ${fingerprintOf(Buffer.from(key, "base64"))}`)
    .join(", ");
  return new SealerError(
    "HOST_KEY_CHANGED",
    `The key of ${host} ${what}: it shows ${fingerprint}, but ${path} knows ${before}. Nothing was sent to it.`,
    {
      where: host,
      hint: `Somebody may be in between. If the host was set up anew, compare the fingerprint on its console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and remove its lines: ssh-keygen -R '${fileName(address, port)}' -f ${path}`,
    },
  );
}

function unknown(address: string, port: number, fingerprint: string, path: string): SealerError {
  const host = hostName(address, port);
  return new SealerError("HOST_KEY_UNKNOWN", `${host} is not known in ${path}: it shows ${fingerprint}`, {
    where: host,
    hint: `Compare the fingerprint on its console, then add the key: ssh-keyscan -p ${port} ${address} >> ${path}`,
  });
}
