import { type Digest, isDigest, isIndex, isManifest, mediaTypes } from "#oci";
import { RegistryError } from "./registry-error.ts";

/** A manifest or an index as it was sent, with what the registry has to know of it. */
export interface ManifestDocument {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
  /** Config and layers, as far as they are kept in the registry. */
  readonly blobs: readonly Digest[];
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a document whose digest has been checked. Fields that are not known are kept, since the bytes are.
 * @throws RegistryError MANIFEST_INVALID
 */
export function readManifestDocument(digest: Digest, bytes: Buffer): ManifestDocument {
  const document = parseObject(bytes);
  const mediaType = mediaTypeOf(document);
  if (document.layers && document.manifests) {
    throw invalid("it has both layers and manifests, so that clients would not agree on what it is");
  }
  const config = optionalObject(document, "config");
  const layers = descriptors(document, "layers");
  const children = descriptors(document, "manifests");
  if (isManifest(mediaType) && !config) throw invalid("it has no config");
  const subject = optionalObject(document, "subject");
  for (const descriptor of [config, ...layers, ...children, subject]) {
    if (descriptor) checkDescriptor(descriptor);
  }
  return {
    digest,
    bytes,
    mediaType,
    subject: subject ? (subject.digest as Digest) : undefined,
    blobs: [...(config ? [config] : []), ...layers].map((descriptor) => descriptor.digest as Digest),
    artifactType: artifactTypeOf(document, mediaType, config),
    annotations: annotationsOf(document),
  };
}

type Json = Readonly<Record<string, unknown>>;

function parseObject(bytes: Buffer): Json {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw invalid(`it is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw invalid("it is not a JSON object");
  return value;
}

/** The document's own word, or what its fields tell: an OCI document need not name its type. */
function mediaTypeOf(document: Json): string {
  const { mediaType, schemaVersion } = document;
  if (schemaVersion === 1)
    throw invalid("Docker's schema 1 is no longer supported; push it as schema 2 or OCI");
  if (schemaVersion !== 2) throw invalid("its schemaVersion is not 2");
  if (typeof mediaType === "string" && mediaType !== "") return mediaType;
  if (mediaType !== undefined && mediaType !== "") throw invalid("its mediaType is not a text");
  if (document.manifests) return mediaTypes.ociIndex;
  if (document.config) return mediaTypes.ociManifest;
  throw invalid("it is neither an image manifest nor an index");
}

function artifactTypeOf(document: Json, mediaType: string, config: Json | undefined): string | undefined {
  if (typeof document.artifactType === "string" && document.artifactType !== "") return document.artifactType;
  if (isIndex(mediaType)) return undefined;
  return typeof config?.mediaType === "string" ? config.mediaType : undefined;
}

function annotationsOf({ annotations }: Json): Record<string, string> | undefined {
  if (annotations === undefined || annotations === null) return undefined;
  if (!isObject(annotations) || Object.values(annotations).some((value) => typeof value !== "string")) {
    throw invalid("its annotations are not texts by name");
  }
  return annotations as Record<string, string>;
}

function descriptors(document: Json, field: string): Json[] {
  const list = document[field] ?? [];
  if (!Array.isArray(list) || !list.every(isObject))
    throw invalid(`its ${field} are not a list of descriptors`);
  return list;
}

function optionalObject(document: Json, field: string): Json | undefined {
  const value = document[field] ?? undefined;
  if (value !== undefined && !isObject(value)) throw invalid(`its ${field} is not a descriptor`);
  return value;
}

function checkDescriptor({ digest, size }: Json): void {
  if (!isDigest(digest)) throw invalid(`"${String(digest).slice(0, 150)}" in it is not a digest`);
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw invalid(`the size of ${digest} in it is wrong`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(why: string): RegistryError {
  return new RegistryError("MANIFEST_INVALID", `the manifest cannot be taken: ${why}`);
}
