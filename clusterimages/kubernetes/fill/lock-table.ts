import { SealerError } from "#errors";

/** Where a file's digest comes from: the table itself, or a checksum file of the publisher. */
export type LockedDigest =
  | { readonly kind: "pinned"; readonly sha256: string }
  | { readonly kind: "published"; readonly address: string }
  | { readonly kind: "unknown" };

export interface LockedFile {
  readonly name: string;
  readonly version: string;
  readonly url: string;
  readonly digest: LockedDigest;
}

/**
 * Reads a table of downloads: name, version, address, digest; `#` starts a comment line.
 *
 * @throws FILE_INVALID with the line
 */
export function parseLockTable(text: string, file: string): LockedFile[] {
  const files: LockedFile[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const where = `${file}:${index + 1}`;
    const [name = "", version = "", url = "", digest = "", ...rest] = line.trim().split(/\s+/);
    if (digest === "" || rest.length > 0) {
      throw new SealerError("FILE_INVALID", "a line needs name, version, address and digest", { where });
    }
    if (!URL.canParse(url)) throw new SealerError("FILE_INVALID", `"${url}" is no address`, { where });
    if (files.some((other) => other.name === name)) {
      throw new SealerError("FILE_INVALID", `${name} stands here twice`, { where });
    }
    files.push({ name, version, url, digest: parseDigest(digest, url, where) });
  }
  return files;
}

/** The table with the digest of one file pinned; everything else, comments and spacing too, stays as it is. */
export function pinDigest(text: string, name: string, sha256: string): string {
  return text
    .split("\n")
    .map((line) => (line.split(/\s+/)[0] === name ? line.replace(/\S+(\s*)$/, `sha256:${sha256}$1`) : line))
    .join("\n");
}

function parseDigest(digest: string, url: string, where: string): LockedDigest {
  if (digest === "unknown") return { kind: "unknown" };
  const pinned = /^sha256:([0-9a-f]{64})$/.exec(digest);
  if (pinned) return { kind: "pinned", sha256: pinned[1] ?? "" };
  const published = /^published:(\+?)(\S+)$/.exec(digest);
  if (!published) {
    throw new SealerError("FILE_INVALID", `"${digest}" is no digest`, {
      where,
      hint: "sha256:…, published:ADDRESS or unknown",
    });
  }
  const [, plus, address = ""] = published;
  return { kind: "published", address: plus ? `${url}${address}` : new URL(address, url).href };
}
