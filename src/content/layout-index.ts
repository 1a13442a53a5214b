import { nearest, SealerError } from "#errors";
import { type Descriptor, type Digest, encode, isDigest, mediaTypes } from "#oci";

/** `index.json` of an OCI image layout. What other tools have put into it is kept as it is. */
export interface LayoutIndex {
  readonly manifests: readonly LayoutEntry[];
  readonly [field: string]: unknown;
}

interface LayoutEntry extends Descriptor {
  readonly [field: string]: unknown;
}

export const refName = "org.opencontainers.image.ref.name";

export const emptyIndex: LayoutIndex = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [],
};

/** @throws IMAGE_INVALID */
export function parseLayoutIndex(text: string, where: string): LayoutIndex {
  const invalid = (why: string, cause?: unknown) =>
    new SealerError("IMAGE_INVALID", `${where} is not the index of an OCI image layout: ${why}`, {
      where,
      cause,
    });
  let index: Partial<LayoutIndex> | null;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw invalid("it is not JSON", cause);
  }
  const entries: unknown = index?.manifests;
  if (!Array.isArray(entries)) throw invalid("it lists no manifests");
  for (const entry of entries) {
    if (!isDigest(entry?.digest)) throw invalid(`"${String(entry?.digest).slice(0, 150)}" is not a digest`);
    if (typeof entry.mediaType !== "string" || !Number.isSafeInteger(entry.size) || entry.size < 0) {
      throw invalid(`the entry of ${entry.digest} has no media type or no size`);
    }
  }
  return index as LayoutIndex;
}

export function encodeLayoutIndex(index: LayoutIndex): Buffer {
  return encode(index);
}

/** Images with their names, from the first of `annotations` there is; one without a name goes by its digest. */
export function namesIn(
  index: LayoutIndex,
  annotations: readonly string[] = [refName],
): { name: string; descriptor: Descriptor }[] {
  return index.manifests.map((entry) => ({
    name: nameOf(entry, annotations) ?? entry.digest,
    descriptor: plain(entry),
  }));
}

export function named(index: LayoutIndex, name: string): Descriptor | undefined {
  const entry = index.manifests.find((entry) => nameOf(entry) === name);
  return entry && plain(entry);
}

export function withDigest(index: LayoutIndex, digest: Digest): Descriptor | undefined {
  const entry = index.manifests.find((entry) => entry.digest === digest);
  return entry && plain(entry);
}

/** A name stands for one image: whoever had it loses it. */
export function withName(
  index: LayoutIndex,
  name: string,
  { mediaType, digest, size }: Descriptor,
): LayoutIndex {
  const entry = { mediaType, digest, size, annotations: { [refName]: name } };
  return { ...index, manifests: [...withoutName(index, name).manifests, entry] };
}

export function withoutName(index: LayoutIndex, name: string): LayoutIndex {
  return { ...index, manifests: index.manifests.filter((entry) => nameOf(entry) !== name) };
}

export function imageNotFound(index: LayoutIndex, name: string, where: string): SealerError {
  const names = index.manifests.flatMap((entry) => nameOf(entry) ?? []);
  const near = nearest(name, names);
  return new SealerError("IMAGE_NOT_FOUND", `there is no image ${name} in ${where}`, {
    where,
    hint: near
      ? `Did you mean ${near}?`
      : names.length > 0
        ? `There are: ${names.slice(0, 10).join(", ")}.`
        : undefined,
  });
}

function nameOf(entry: LayoutEntry, annotations: readonly string[] = [refName]): string | undefined {
  const names = annotations.map((annotation) => entry.annotations?.[annotation]);
  return names.find((name) => typeof name === "string" && name !== "");
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
