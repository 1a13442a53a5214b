import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { SealerError } from "#errors";

/** `~/.docker/config.json`, as far as it is about credentials. The rest is kept as it is. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuth>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
  readonly [field: string]: unknown;
}

export interface DockerAuth {
  /** `user:password` in base64. */
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly [field: string]: unknown;
}

const longest = 1 << 20;

/** An empty one where there is no file. @throws CONFIG_INVALID */
export async function readDockerConfig(
  path: string,
  onWarning: (text: string) => void = () => {},
): Promise<DockerConfig> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    const why = error.code === "ELOOP" ? "it is a symbolic link" : error.message;
    throw invalid(path, why, "Put the file itself there, readable by you alone.", error);
  });
  if (!file) return {};
  try {
    const config = await parse(file, path);
    if (Object.keys(config.auths ?? {}).length > 0) await makePrivate(file, path, onWarning);
    return config;
  } finally {
    await file.close();
  }
}

/** How the file names a registry: Docker's own has an address of its own. */
export function keyOf(domain: string): string {
  return domain === "docker.io" ? "https://index.docker.io/v1/" : domain;
}

/** Whether a key of the file is about exactly this host: `host`, `https://host`, `https://host/v1/`. */
export function isKeyOf(key: string, domain: string): boolean {
  const host = key.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  const names = domain === "docker.io" ? ["index.docker.io", "docker.io", "registry-1.docker.io"] : [domain];
  return names.includes(host);
}

async function parse(file: FileHandle, path: string): Promise<DockerConfig> {
  if ((await file.stat()).size > longest) throw invalid(path, "it is longer than 1 MiB");
  const text = await file.readFile("utf8");
  if (text.trim() === "") return {};
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw invalid(path, "it is not JSON");
  }
  if (!isMap(config)) throw invalid(path, "it is not a JSON object");
  const { auths, credHelpers, credsStore } = config;
  const isRight =
    (auths === undefined || auths === null || (isMap(auths) && Object.values(auths).every(isMap))) &&
    (credHelpers === undefined || (isMap(credHelpers) && Object.values(credHelpers).every(isText))) &&
    (credsStore === undefined || isText(credsStore));
  if (!isRight) throw invalid(path, "auths, credHelpers or credsStore are not what Docker writes");
  return config as DockerConfig;
}

async function makePrivate(file: FileHandle, path: string, onWarning: (text: string) => void): Promise<void> {
  const { mode } = await file.stat();
  if ((mode & 0o077) === 0) return;
  const fixed = await file.chmod(0o600).then(
    () => "it is yours alone now",
    () => "and its mode cannot be changed",
  );
  onWarning(`others could read the passwords in ${path}: ${fixed}`);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Parsers' messages are left out: they show what they have read. */
function invalid(path: string, why: string, hint?: string, cause?: unknown): SealerError {
  return new SealerError("CONFIG_INVALID", `${path} cannot be used: ${why}`, {
    where: path,
    hint: hint ?? "Mend it, or move it away and log in again.",
    cause,
  });
}
