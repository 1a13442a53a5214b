import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { compare } from "bcryptjs";
import { SealerError } from "#errors";

/**
 * Users and bcrypt hashes in a file as `htpasswd -B` writes it. It is read again when it has changed, so that a user
 * who is taken out is refused at once. Lines with other hashes (MD5, SHA-1, plain text) let nobody in.
 */
export class Htpasswd {
  readonly #path: string;
  readonly #key = randomBytes(32);
  #version = "";
  #users = new Map<string, string>();
  /** Passwords that were right, so that bcrypt runs once a user and not once a request. */
  #known = new Map<string, Buffer>();

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws FILE_NOT_FOUND, FILE_INVALID if it names no user with a bcrypt hash */
  static async open(path: string): Promise<Htpasswd> {
    const file = new Htpasswd(path);
    await file.#refresh();
    if (file.#version === "missing") {
      throw new SealerError("FILE_NOT_FOUND", `the password file ${path} is not there`, {
        where: "auth.htpasswd.path",
        hint: `Make one: htpasswd -Bbn USER PASSWORD > ${path}`,
      });
    }
    if (file.#users.size === 0) {
      throw new SealerError("FILE_INVALID", `the password file ${path} has no user with a bcrypt hash`, {
        where: "auth.htpasswd.path",
        hint: `Only bcrypt is taken: htpasswd -Bbn USER PASSWORD > ${path}`,
      });
    }
    return file;
  }

  async has(user: string): Promise<boolean> {
    await this.#refresh();
    return this.#users.has(user);
  }

  /** Takes as long for users that there are not. bcrypt ignores what follows 72 bytes: such passwords are refused. */
  async check(user: string, password: string): Promise<boolean> {
    await this.#refresh();
    const hash = this.#users.get(user);
    const proof = createHmac("sha256", this.#key).update(`${user}\0${hash}\0${password}`).digest();
    const known = this.#known.get(user);
    if (known && timingSafeEqual(known, proof)) return true;
    const tooLong = Buffer.byteLength(password) > 72;
    const matches = await compare(tooLong ? "" : password, hash ?? this.#anyHash());
    const right = matches && hash !== undefined && !tooLong;
    if (right && this.#users.get(user) === hash) this.#known.set(user, proof);
    return right;
  }

  async #refresh(): Promise<void> {
    const found = await stat(this.#path).catch(() => undefined);
    const version = found ? `${found.ino}-${found.mtimeMs}-${found.size}` : "missing";
    if (version === this.#version) return;
    const text = found ? await readFile(this.#path, "utf8") : "";
    this.#users = readUsers(text);
    this.#known = new Map();
    this.#version = version;
  }

  #anyHash(): string {
    return this.#users.values().next().value ?? unknownUser;
  }
}

function readUsers(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const users = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)] as const);
  return new Map(users.filter(([user, hash]) => user !== "" && isBcrypt(hash)));
}

function isBcrypt(hash: string): boolean {
  return /^\$2[aby]\$(0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}$/.test(hash);
}

/** Compared against where the file has become empty; no password matches it. */
const unknownUser = `$2b$10$${"x".repeat(53)}`;
