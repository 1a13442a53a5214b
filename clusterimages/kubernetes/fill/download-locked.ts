import { basename, join } from "node:path";
import { SealerError } from "#errors";
import { type DownloadOptions, download } from "./download.ts";
import { fetchFollowing } from "./fetch-following.ts";
import type { LockedFile } from "./lock-table.ts";

export interface LockedDownloadOptions extends Omit<DownloadOptions, "sha256"> {
  /** Address prefix → what stands for it, such as `https://dl.k8s.io` → `https://mirror.example.com/k8s`. */
  readonly mirrors?: Readonly<Record<string, string>>;
  /** Takes a file whose digest nobody publishes. */
  readonly trustUnknown?: boolean;
}

/**
 * Downloads a file of the lock table into a folder, checked against its digest.
 *
 * @throws DOWNLOAD_FAILED also where the publisher's checksum file does not name the file
 */
export async function downloadLocked(
  file: LockedFile,
  folder: string,
  options: LockedDownloadOptions = {},
): Promise<{ readonly path: string; readonly sha256: string }> {
  const { mirrors = {}, trustUnknown = false, ...rest } = options;
  const path = join(folder, `${file.name}-${file.version}-${basename(new URL(file.url).pathname)}`);
  const url = mirrored(file.url, mirrors);
  switch (file.digest.kind) {
    case "pinned":
      return { path, sha256: await download(url, path, { ...rest, sha256: file.digest.sha256 }) };
    case "published": {
      const sha256 = await publishedDigest(file, mirrored(file.digest.address, mirrors), rest.signal);
      return { path, sha256: await download(url, path, { ...rest, sha256 }) };
    }
    case "unknown":
      if (!trustUnknown) throw digestUnknown(file);
      return { path, sha256: await download(url, path, rest) };
  }
}

/** Checksum files hold the digest alone, or lines of `<digest> <name>`. */
async function publishedDigest(
  file: LockedFile,
  address: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const text = await (await fetchFollowing(address, {}, signal)).text();
  const name = basename(new URL(file.url).pathname);
  for (const line of text.split("\n")) {
    const [digest = "", of = name] = line.trim().split(/\s+\*?/);
    if (/^[0-9a-f]{64}$/.test(digest) && basename(of) === name) return digest;
  }
  throw new SealerError("DOWNLOAD_FAILED", `the checksum file has no SHA-256 of ${name}`, { where: address });
}

function mirrored(url: string, mirrors: Readonly<Record<string, string>>): string {
  for (const [prefix, mirror] of Object.entries(mirrors)) {
    if (url === prefix || url.startsWith(`${prefix.replace(/\/$/, "")}/`)) {
      return mirror.replace(/\/$/, "") + url.slice(prefix.replace(/\/$/, "").length);
    }
  }
  return url;
}

function digestUnknown({ name, version, url }: LockedFile): SealerError {
  return new SealerError("DOWNLOAD_FAILED", `the digest of ${name} ${version} is not known`, {
    where: url,
    hint: "Its publisher has no checksum file. Run once with --pin on a network that you trust; that writes the digest down.",
  });
}
