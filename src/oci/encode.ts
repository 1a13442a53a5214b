import type { Descriptor } from "./descriptor.ts";
import type { ImageConfig, Index, Manifest } from "./documents.ts";
import type { Platform } from "./platform.ts";

/*
 * Documents are written as Go's encoding/json writes the structs of image-spec's specs-go: compact, fields in the
 * order of the structs, map keys sorted, `<`, `>`, `&`, U+2028 and U+2029 escaped. Other tools that read a document
 * and write it again then keep its digest.
 */

export function encodeManifest(manifest: Manifest): Buffer {
  const { schemaVersion, mediaType, artifactType, config, layers, subject, annotations } = manifest;
  return encode({
    schemaVersion,
    mediaType,
    artifactType,
    config: ordered(config),
    layers: layers.map(ordered),
    subject: subject && ordered(subject),
    annotations: sorted(annotations),
  });
}

export function encodeIndex(index: Index): Buffer {
  const { schemaVersion, mediaType, artifactType, manifests, subject, annotations } = index;
  return encode({
    schemaVersion,
    mediaType,
    artifactType,
    manifests: manifests.map(ordered),
    subject: subject && ordered(subject),
    annotations: sorted(annotations),
  });
}

export function encodeImageConfig(image: ImageConfig): Buffer {
  const { created, author, config, rootfs, history } = image;
  return encode({
    created,
    author,
    ...orderedPlatform(image),
    config: {
      User: config?.User,
      ExposedPorts: sorted(config?.ExposedPorts),
      Env: config?.Env,
      Entrypoint: config?.Entrypoint,
      Cmd: config?.Cmd,
      Volumes: sorted(config?.Volumes),
      WorkingDir: config?.WorkingDir,
      Labels: sorted(config?.Labels),
      StopSignal: config?.StopSignal,
    },
    rootfs: { type: rootfs.type, diff_ids: rootfs.diff_ids },
    history: history?.map(({ created, created_by, author, comment, empty_layer }) => ({
      created,
      created_by,
      author,
      comment,
      empty_layer: empty_layer || undefined,
    })),
  });
}

/** Any other value, compact and with Go's escapes; object keys stay in the order given. */
export function encode(value: unknown): Buffer {
  const text = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Buffer.from(text);
}

function ordered(descriptor: Descriptor): unknown {
  const { mediaType, digest, size, urls, annotations, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    urls: urls?.length ? urls : undefined,
    annotations: sorted(annotations),
    platform: platform && orderedPlatform(platform),
    artifactType,
  };
}

function orderedPlatform(platform: Platform) {
  return {
    architecture: platform.architecture,
    os: platform.os,
    "os.version": platform["os.version"],
    "os.features": platform["os.features"],
    variant: platform.variant,
  };
}

/** Go leaves out empty maps and sorts keys by bytes. */
function sorted<T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  const keys = Object.keys(map ?? {});
  if (!map || keys.length === 0) return undefined;
  keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Object.fromEntries(keys.map((key) => [key, map[key] as T]));
}
