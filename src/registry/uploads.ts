import { isDigest, isRepository } from "#oci";
import { parseChunkRange } from "./byte-range.ts";
import { bodyOf, type Call, type Reply } from "./call.ts";
import { RegistryError } from "./registry-error.ts";
import { checkedDigest } from "./routes.ts";
import type { Upload } from "./storage.ts";

/** POST: a mount, a whole blob at once, or the beginning of an upload. */
export async function startUpload(call: Call): Promise<Reply> {
  const { query, repository, request } = call;
  const mount = query.get("mount");
  if (mount !== null && (await mountBlob(call, mount))) return created(call, mount);
  const upload = await repository.beginUpload();
  const digest = query.get("digest");
  if (digest === null || mount !== null) return accepted(call, upload, 202);
  return exclusively(call, upload, async () => {
    await appendOrCancel(upload, call, digest);
    checkLength(request.headers["content-length"], upload.size);
    return finish(call, upload, digest);
  });
}

export async function uploadStatus(call: Call, id: string): Promise<Reply> {
  return accepted(call, await findUpload(call, id), 204);
}

/** PATCH: the next chunk, or all that a client streams. */
export async function appendToUpload(call: Call, id: string): Promise<Reply> {
  const upload = await findUpload(call, id);
  return exclusively(call, upload, async () => {
    checkChunk(call, upload);
    await upload.append(bodyOf(call.request));
    return accepted(call, upload, 202);
  });
}

/** PUT: the last chunk, if any is left, and the digest of the whole. */
export async function finishUpload(call: Call, id: string): Promise<Reply> {
  const upload = await findUpload(call, id);
  return exclusively(call, upload, async () => {
    const digest = call.query.get("digest");
    if (digest === null) {
      throw new RegistryError("DIGEST_INVALID", "the last request of an upload names the digest: ?digest=");
    }
    checkChunk(call, upload);
    checkedDigest(digest);
    await upload.append(bodyOf(call.request));
    return finish(call, upload, digest);
  });
}

export async function cancelUpload(call: Call, id: string): Promise<Reply> {
  const upload = await findUpload(call, id);
  return exclusively(call, upload, async () => {
    await upload.cancel();
    return { status: 204 };
  });
}

/** Where `from` is not said, any repository will do: every writer may read them all. */
async function mountBlob({ query, repository, repositories, name }: Call, mount: string): Promise<boolean> {
  const digest = checkedDigest(mount);
  const from = query.get("from");
  if (from === null) return repository.linkBlob(digest);
  if (!isRepository(from)) return false;
  const source = { path: from, ownDomains: name.ownDomains };
  const size = await repositories.find(source, (other) => other.blobSize(digest));
  return size !== undefined && (await repository.linkBlob(digest));
}

async function appendOrCancel(upload: Upload, { request }: Call, digest: string): Promise<void> {
  try {
    checkedDigest(digest);
    await upload.append(bodyOf(request));
  } catch (error) {
    await upload.cancel();
    throw error;
  }
}

async function finish(call: Call, upload: Upload, digest: string): Promise<Reply> {
  await call.repository.finishUpload(upload, checkedDigest(digest));
  return created(call, digest);
}

async function findUpload({ repository }: Call, id: string): Promise<Upload> {
  const upload = await repository.findUpload(id);
  if (!upload) throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "there is no such upload, or it has ended");
  return upload;
}

/** A chunk that says where it belongs must belong at the end of what is there. */
function checkChunk(call: Call, upload: Upload): void {
  const header = call.request.headers["content-range"];
  if (header === undefined) return;
  const range = parseChunkRange(header);
  if (!range) {
    throw new RegistryError(
      "BLOB_UPLOAD_INVALID",
      `Content-Range is first-last, not "${header.slice(0, 100)}"`,
    );
  }
  if (range.start !== upload.size) {
    throw new RegistryError("BLOB_UPLOAD_INVALID", `the next chunk begins at ${upload.size}`, {
      status: 416,
      headers: { ...uploadHeaders(call, upload) },
    });
  }
  const length = call.request.headers["content-length"];
  if (length !== undefined) checkLength(length, range.end - range.start + 1);
}

function checkLength(header: string | undefined, actual: number): void {
  if (header === undefined || Number(header) === actual) return;
  throw new RegistryError("SIZE_INVALID", `Content-Length is ${header}, but it is ${actual} bytes`);
}

function accepted(call: Call, upload: Upload, status: 202 | 204): Reply {
  return { status, headers: { ...uploadHeaders(call, upload), ...(status === 202 ? noBody : {}) } };
}

function uploadHeaders(call: Call, { id, size }: Upload): Record<string, string> {
  return {
    Location: call.location(`blobs/uploads/${id}`),
    Range: `0-${Math.max(0, size - 1)}`,
    "Docker-Upload-UUID": id,
  };
}

function created(call: Call, digest: string): Reply {
  if (!isDigest(digest)) throw new Error(`unchecked digest ${digest}`);
  return {
    status: 201,
    headers: { Location: call.location(`blobs/${digest}`), "Docker-Content-Digest": digest, ...noBody },
  };
}

const noBody = { "Content-Length": "0" };

async function exclusively(
  { busyUploads }: Call,
  { id }: Upload,
  work: () => Promise<Reply>,
): Promise<Reply> {
  if (busyUploads.has(id)) {
    throw new RegistryError("BLOB_UPLOAD_INVALID", "another request is working on this upload", {
      status: 409,
    });
  }
  busyUploads.add(id);
  try {
    return await work();
  } finally {
    busyUploads.delete(id);
  }
}
