import { Readable } from "node:stream";
import { mapLimited } from "#concurrency";
import { compress } from "#files";
import { type Descriptor, encodeManifest, mediaTypes } from "#oci";
import { noProgress, type Progress } from "#progress";
import { parseChildren } from "../children.ts";
import type { ContentSink } from "../content.ts";
import { copyImage } from "../copy-image.ts";
import { readDocument } from "../read-document.ts";
import { verified } from "../verified.ts";
import type { ImageArchive } from "./image-archive.ts";

interface ImportOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** Takes an image out of any archive and tags it with its name. OCI images stay as they are. */
export function importImage(
  archive: ImageArchive,
  name: string,
  sink: ContentSink,
  options: ImportOptions = {},
): Promise<Descriptor> {
  return archive.kind === "docker-archive"
    ? importDockerImage(archive, name, sink, options)
    : copyImage(name, archive, sink, options);
}

/**
 * Takes an image out of what `docker save` has written, where layers are plain, as a Docker manifest (schema 2) over
 * layers compressed by gzip. The same archive gives the same digest.
 */
export async function importDockerImage(
  archive: ImageArchive,
  name: string,
  sink: ContentSink,
  { progress = noProgress, signal }: ImportOptions = {},
): Promise<Descriptor> {
  const id = `import ${name}`;
  progress({ type: "task-started", id, title: `copy ${name}` });
  try {
    const root = await archive.resolve(name, { signal });
    const [config, ...saved] = parseChildren(root, await readDocument(archive, root, { signal }));
    const layers = await mapLimited(saved, 2, (layer, stop) => importLayer(archive, layer, sink, stop), {
      signal,
    });
    await sink.write(config!, await archive.open(config!), { signal });
    const mediaType = mediaTypes.dockerManifest;
    const manifest = encodeManifest({ schemaVersion: 2, mediaType, config: config!, layers });
    const image = await sink.add(mediaType, manifest, { signal });
    await sink.tag(name, image, { signal });
    progress({ type: "task-finished", id, outcome: "done" });
    return image;
  } catch (error) {
    progress({ type: "task-failed", id, message: (error as Error).message });
    throw error;
  }
}

/** A plain layer's digest is its diff id in the configuration: a layer with other bytes is refused on the way. */
async function importLayer(
  archive: ImageArchive,
  layer: Descriptor,
  sink: ContentSink,
  signal: AbortSignal,
): Promise<Descriptor> {
  const bytes = verified(await archive.open(layer, { signal }), layer);
  if (layer.mediaType === mediaTypes.dockerLayer) {
    const smaller = Readable.from(compress(bytes, "gzip"), { objectMode: false });
    return sink.add(mediaTypes.dockerLayerGzip, smaller, { signal });
  }
  await sink.write(layer, bytes, { signal });
  return layer;
}
