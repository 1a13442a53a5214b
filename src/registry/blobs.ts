import type { Digest } from "#oci";
import { parseRange } from "./byte-range.ts";
import type { Call, Reply } from "./call.ts";
import { RegistryError } from "./registry-error.ts";

export async function getBlob(call: Call, digest: Digest): Promise<Reply> {
  const { headers } = call.request;
  const blob = await call.repositories.find(call.name, (repository) => repository.openBlob(digest));
  if (!blob) throw blobUnknown(digest);
  const common = {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
    "Cache-Control": "max-age=31536000",
    "Accept-Ranges": "bytes",
  };
  if (matchesTag(headers["if-none-match"], digest)) {
    await blob.close();
    return { status: 304, headers: common };
  }
  const whole = { blob, digest, start: 0, end: blob.size - 1 };
  const ifRange = headers["if-range"];
  if (headers.range === undefined || (ifRange !== undefined && ifRange !== `"${digest}"`)) {
    return { status: 200, headers: { ...common, "Content-Length": blob.size }, body: whole };
  }
  const range = parseRange(headers.range, blob.size);
  if (range === "unsatisfiable") {
    await blob.close();
    throw new RegistryError("SIZE_INVALID", `the blob of ${blob.size} bytes has no such range`, {
      status: 416,
      headers: { "Content-Range": `bytes */${blob.size}` },
    });
  }
  return {
    status: 206,
    headers: {
      ...common,
      "Content-Length": range.end - range.start + 1,
      "Content-Range": `bytes ${range.start}-${range.end}/${blob.size}`,
    },
    body: { blob, digest, ...range },
  };
}

export async function deleteBlob({ repository }: Call, digest: Digest): Promise<Reply> {
  if (!(await repository.unlinkBlob(digest))) throw blobUnknown(digest);
  return { status: 202, headers: { "Docker-Content-Digest": digest } };
}

export function blobUnknown(digest: Digest): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", "the repository does not have this blob", { detail: { digest } });
}

/** If-None-Match: one or several entity tags, weak or strong, or `*`. */
export function matchesTag(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  return header
    .split(",")
    .some((tag) => [`"${digest}"`, digest, "*"].includes(tag.trim().replace(/^W\//, "")));
}
