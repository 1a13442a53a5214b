import { SealerError } from "#errors";
import { type Descriptor, isDigest, isIndex, isManifest, type Platform } from "#oci";
import type { ContentSource } from "./content.ts";
import { readDocument } from "./read-document.ts";

const mostChildren = 10_000;

/** The content that a manifest or an index refers to; other content has none. @throws IMAGE_INVALID */
export async function childrenOf(
  content: Descriptor,
  source: Pick<ContentSource, "open">,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly Descriptor[]> {
  if (!isManifest(content.mediaType) && !isIndex(content.mediaType)) return [];
  return parseChildren(content, await readDocument(source, content, options));
}

/** The same, of a document at hand. */
export function parseChildren(content: Descriptor, document: Uint8Array): readonly Descriptor[] {
  const fields = parseFields(content, document);
  if (fields.mediaType !== undefined && fields.mediaType !== content.mediaType) {
    throw invalid(
      content,
      `it calls itself ${String(fields.mediaType)}, but was given as ${content.mediaType}`,
    );
  }
  if (fields.manifests !== undefined && (fields.layers !== undefined || fields.config !== undefined)) {
    throw invalid(content, "it is a manifest and an index at once");
  }
  const listed = isIndex(content.mediaType)
    ? list(content, fields.manifests)
    : [fields.config, ...list(content, fields.layers)];
  if (listed.length > mostChildren)
    throw invalid(content, `it has ${listed.length} entries, ${mostChildren} at most`);
  return listed.map((entry) => parseDescriptor(content, entry));
}

/** Layers that must not be sent to registries, and are fetched from elsewhere (Windows' base layers). */
export function isNonDistributable({ mediaType }: Descriptor): boolean {
  return mediaType.includes(".foreign.") || mediaType.includes(".nondistributable.");
}

function parseFields(content: Descriptor, document: Uint8Array): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(Buffer.from(document).toString());
    if (typeof fields === "object" && fields !== null) return fields as Record<string, unknown>;
  } catch (cause) {
    throw invalid(content, "it is not JSON", cause);
  }
  throw invalid(content, "it is not a JSON object");
}

function list(content: Descriptor, value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw invalid(content, "its list of entries is not a list");
}

function parseDescriptor(parent: Descriptor, value: unknown): Descriptor {
  const fields = (value ?? {}) as Partial<Record<keyof Descriptor, unknown>>;
  const { mediaType, digest, size, urls, annotations, platform, artifactType } = fields;
  if (!isDigest(digest)) {
    throw new SealerError(
      "DIGEST_INVALID",
      `${parent.digest} names content by "${String(digest).slice(0, 150)}"`,
      {
        hint: "That is not a digest, so the image cannot be used. Build or push it again.",
      },
    );
  }
  if (typeof mediaType !== "string" || mediaType === "")
    throw invalid(parent, `${digest} in it has no media type`);
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw invalid(parent, `the size of ${digest} in it is wrong`);
  return {
    mediaType,
    digest,
    size: size as number,
    ...(Array.isArray(urls) && urls.length > 0 ? { urls: urls.map(String) } : {}),
    ...(isObject(annotations) ? { annotations: textValues(annotations) } : {}),
    ...(isPlatform(platform) ? { platform } : {}),
    ...(typeof artifactType === "string" ? { artifactType } : {}),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textValues(map: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}

function isPlatform(value: unknown): value is Platform {
  return isObject(value) && typeof value.os === "string" && typeof value.architecture === "string";
}

function invalid(content: Descriptor, why: string, cause?: unknown): SealerError {
  return new SealerError("IMAGE_INVALID", `${content.digest} is not a valid image document: ${why}`, {
    hint: "Build or push the image again.",
    cause,
  });
}
