import { posix } from "node:path";
import { SealerError } from "#errors";
import type { Host, HostView } from "./host.ts";

/**
 * Lets a key in, as a line of ~/.ssh/authorized_keys marked `# sealer <cluster>`. Safe to repeat; another key of the same
 * cluster is replaced; other lines, mode and owner stay.
 * @param publicKey one line, as generateKeyPair returns it
 * @param user whose file: the user that the key logs in as
 * @returns whether anything was changed
 */
export async function installAuthorizedKey(
  host: Host,
  { cluster, publicKey, user }: AuthorizedKey,
): Promise<boolean> {
  if (/[\r\n]/.test(publicKey.trim())) throw new Error("a public key is one line");
  const line = markedLine(cluster, publicKey);
  return edit(host, user, (text) => {
    if (markedIn(text, cluster).join("").trimEnd() === line) return text;
    const rest = withoutMarked(text, cluster);
    const gap = rest === "" || rest.endsWith("\n") ? "" : "\n";
    return `${rest}${gap}${line}\n`;
  });
}

/** Takes a cluster's key out again; other lines, mode and owner stay. Safe to repeat. */
export function removeAuthorizedKey(
  host: Host,
  { cluster, user }: Pick<AuthorizedKey, "cluster" | "user">,
): Promise<boolean> {
  return edit(host, user, (text) => withoutMarked(text, cluster));
}

export interface AuthorizedKey {
  readonly cluster: string;
  readonly publicKey: string;
  readonly user: string;
}

async function edit(host: Host, user: string, change: (text: string) => string): Promise<boolean> {
  const { home, owner } = await accountOf(host, user);
  const path = posix.join(home, ".ssh", "authorized_keys");
  const before = (await host.readFile(path))?.toString("latin1") ?? "";
  const after = change(before);
  if (after === before) return false;
  const stat = await host.stat(path);
  const kept = stat && stat.type === "file" ? { mode: stat.mode, owner: stat } : { mode: 0o600, owner };
  await host.writeFile(path, Buffer.from(after, "latin1"), {
    mode: kept.mode,
    owner: { uid: kept.owner.uid, gid: kept.owner.gid },
  });
  return true;
}

async function accountOf(host: HostView, user: string) {
  const { exitCode, stdout } = await host.query(["getent", "passwd", user]);
  const [, , uid = "", gid = "", , home = ""] = stdout.trim().split(":");
  if (exitCode === 0 && home.startsWith("/")) return { home, owner: { uid: Number(uid), gid: Number(gid) } };
  throw new SealerError("HOST_UNFIT", `${host.address}: there is no user ${user} with a home folder`, {
    where: host.address,
    hint: "Check the user (-u).",
  });
}

function markedLine(cluster: string, publicKey: string): string {
  const [type, key] = publicKey.trim().split(/\s+/);
  return `${type} ${key} ${mark(cluster)}`;
}

function markedIn(text: string, cluster: string): string[] {
  return linesOf(text).filter((line) => isMarked(line, cluster));
}

function withoutMarked(text: string, cluster: string): string {
  return linesOf(text)
    .filter((line) => !isMarked(line, cluster))
    .join("");
}

function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

function isMarked(line: string, cluster: string): boolean {
  return line.trimEnd().endsWith(` ${mark(cluster)}`);
}

function mark(cluster: string): string {
  return `# sealer ${cluster}`;
}
