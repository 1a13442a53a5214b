import { algorithmOf, type Digest, digestOf } from "#oci";
import { matchesTag } from "./blobs.ts";
import { bodyOf, type Call, type Reply } from "./call.ts";
import { type ManifestDocument, readManifestDocument } from "./manifest-document.ts";
import { RegistryError } from "./registry-error.ts";
import type { Repository } from "./repository.ts";
import { checkedTag } from "./routes.ts";

export type ManifestName = { readonly tag: string } | { readonly digest: Digest };

export async function getManifest(call: Call, name: ManifestName): Promise<Reply> {
  const document = await call.repositories.find(call.name, (repository) => readManifest(repository, name));
  if (!document) throw manifestUnknown(name);
  const { digest, bytes, mediaType } = document;
  const headers = { "Docker-Content-Digest": digest, ETag: `"${digest}"` };
  if (matchesTag(call.request.headers["if-none-match"], digest)) return { status: 304, headers };
  return { status: 200, headers: { ...headers, "Content-Type": mediaType }, body: bytes };
}

export async function putManifest(call: Call, name: ManifestName): Promise<Reply> {
  const { request, repository, query } = call;
  const bytes = await readCapped(call);
  const digest = digestOf(bytes, "digest" in name ? algorithmOf(name.digest) : "sha256");
  if ("digest" in name && digest !== name.digest) {
    throw new RegistryError("DIGEST_INVALID", `the manifest's digest is ${digest}`, { detail: { digest } });
  }
  const document = readManifestDocument(digest, bytes);
  checkContentType(request.headers["content-type"], document.mediaType);
  const extraTags = query.getAll("tag").map(checkedTag);
  const tags = [...("tag" in name ? [name.tag] : []), ...extraTags];
  await adoptBlobs(call, document);
  await repository.putManifest(document, tags);
  return {
    status: 201,
    headers: {
      Location: call.location(`manifests/${digest}`),
      "Docker-Content-Digest": digest,
      "Content-Length": "0",
      ...(document.subject ? { "OCI-Subject": document.subject } : {}),
      ...(extraTags.length > 0 ? { "OCI-Tag": extraTags } : {}),
    },
  };
}

export async function deleteManifest({ repository }: Call, name: ManifestName): Promise<Reply> {
  if ("tag" in name) {
    if (!(await repository.removeTag(name.tag))) throw manifestUnknown(name);
    return { status: 202 };
  }
  if (!(await repository.hasManifest(name.digest))) throw manifestUnknown(name);
  const document = await readManifest(repository, name);
  await repository.removeManifest(name.digest, document?.subject);
  return { status: 202 };
}

export async function readManifest(
  repository: Repository,
  name: ManifestName,
): Promise<ManifestDocument | undefined> {
  const digest = "tag" in name ? await repository.tagged(name.tag) : name.digest;
  const bytes = digest && (await repository.manifest(digest));
  return bytes ? stored(digest, bytes) : undefined;
}

/** What another registry has stored may be older than the rules for what is pushed here. */
function stored(digest: Digest, bytes: Buffer): ManifestDocument {
  try {
    return readManifestDocument(digest, bytes);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const mediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    return {
      digest,
      bytes,
      mediaType,
      subject: undefined,
      blobs: [],
      artifactType: undefined,
      annotations: undefined,
    };
  }
}

/**
 * A client leaves out blobs that it has seen here under another domain (see `searchPath`): from now on this repository
 * has them too, and keeps them when they go there. Blobs that are nowhere may come later.
 */
async function adoptBlobs(
  { repository, repositories, name }: Call,
  document: ManifestDocument,
): Promise<void> {
  for (const digest of document.blobs) {
    if ((await repository.blobSize(digest)) !== undefined) continue;
    const elsewhere = await repositories.find(name, (other) => other.blobSize(digest));
    if (elsewhere !== undefined) await repository.linkBlob(digest);
  }
}

async function readCapped({ request }: Call): Promise<Buffer> {
  const tooLarge = () =>
    new RegistryError("SIZE_INVALID", `a manifest is at most ${manifestLimit >> 20} MiB`, { status: 413 });
  if (Number(request.headers["content-length"] ?? 0) > manifestLimit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    size += chunk.length;
    if (size > manifestLimit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The specification asks to take at least this much. */
const manifestLimit = 4 << 20;

/** Clients must not come to see a document as another kind than the one that was checked (CVE-2021-41190). */
function checkContentType(header: string | undefined, mediaType: string): void {
  const type = header?.split(";")[0]?.trim().toLowerCase();
  if (type === undefined || type === "" || type === mediaType.toLowerCase()) return;
  throw new RegistryError("MANIFEST_INVALID", `Content-Type is ${type}, but the manifest says ${mediaType}`);
}

function manifestUnknown(name: ManifestName): RegistryError {
  return new RegistryError("MANIFEST_UNKNOWN", "the repository does not have this manifest", {
    detail: name,
  });
}
