import type { IncomingMessage } from "node:http";
import { type Descriptor, isDigest, isIndex, isManifest, mediaTypes } from "#oci";
import { digestMismatch } from "../verified.ts";

/** The kinds of documents that are asked for. */
export const documentTypes = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
];
/** Docker's old manifests, too: they live where the newer ones do. */
export function isDocument({ mediaType }: Descriptor): boolean {
  return isManifest(mediaType) || isIndex(mediaType) || mediaType.includes("distribution.manifest.v1");
}

/** From the headers alone; undefined where they do not say enough. */
export function describe(response: IncomingMessage, wanted: string): Descriptor | undefined {
  response.resume();
  const digest = response.headers["docker-content-digest"] ?? (isDigest(wanted) ? wanted : undefined);
  const mediaType = typeOf(response);
  const size = Number(response.headers["content-length"] ?? Number.NaN);
  const isKnown = isDocument({ mediaType } as Descriptor);
  if (!isDigest(digest) || !isKnown || !Number.isSafeInteger(size) || size === 0) return undefined;
  if (isDigest(wanted) && digest !== wanted) throw digestMismatch(wanted, digest);
  return { mediaType, digest, size };
}

export function typeOf(response: IncomingMessage): string {
  return (response.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
}

export function sniffType(response: IncomingMessage, bytes: Buffer): string {
  if (isDocument({ mediaType: typeOf(response) } as Descriptor)) return typeOf(response);
  try {
    const { mediaType, manifests, layers } = Object(JSON.parse(bytes.toString()));
    if (typeof mediaType === "string") return mediaType;
    if (manifests) return mediaTypes.ociIndex;
    if (layers) return mediaTypes.ociManifest;
  } catch {}
  return typeOf(response) || "unknown";
}
