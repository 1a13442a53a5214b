import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { SealerError } from "#errors";
import { compressionOf, hashing } from "#files";
import { type Descriptor, type Digest, digestOf, encodeManifest, isDigest, mediaTypes } from "#oci";
import { blobMissing } from "../blob-folder.ts";
import type { ImageArchive } from "./image-archive.ts";
import { sameName } from "./same-name.ts";
import type { TarFile } from "./tar-file.ts";

interface SavedImage {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

/**
 * What `docker save` writes (image-spec of Docker, 1.x, with manifest.json). It holds no manifests: they are made up
 * here, over the layers as they are saved, so that the archive reads as any other source.
 */
export class DockerArchive implements ImageArchive {
  readonly kind = "docker-archive";
  readonly #tar: TarFile;
  readonly #images: readonly SavedImage[];
  readonly #documents = new Map<Digest, Buffer>();
  readonly #files = new Map<Digest, string>();

  private constructor(tar: TarFile, images: readonly SavedImage[]) {
    this.#tar = tar;
    this.#images = images;
  }

  static async open(tar: TarFile): Promise<DockerArchive> {
    return new DockerArchive(tar, parseImages(await tar.readDocument("manifest.json"), tar.path));
  }

  async names(): Promise<string[]> {
    const names = await Promise.all(
      this.#images.map(async ({ names, config }) =>
        names.length > 0 ? names : [digestOf(await this.#tar.readDocument(config))],
      ),
    );
    return names.flat();
  }

  async resolve(reference: string): Promise<Descriptor> {
    for (const image of this.#images) {
      const isNamed = image.names.some((name) => sameName(name, reference));
      if (isNamed || (isDigest(reference) && (await this.#isOf(image, reference))))
        return this.#describe(image);
    }
    throw new SealerError("IMAGE_NOT_FOUND", `there is no image ${reference} in ${this.#tar.path}`, {
      where: this.#tar.path,
      hint: `There are: ${(await this.names()).slice(0, 10).join(", ")}.`,
    });
  }

  async open(
    { digest }: Descriptor,
    { offset = 0 }: { readonly offset?: number | undefined } = {},
  ): Promise<Readable> {
    const document = this.#documents.get(digest);
    if (document) return Readable.from([document.subarray(offset)]);
    const name = this.#files.get(digest);
    if (name === undefined) throw blobMissing(digest, this.#tar.path);
    return this.#tar.read(name, offset);
  }

  async close(): Promise<void> {}

  async #isOf(image: SavedImage, digest: Digest): Promise<boolean> {
    return (
      digestOf(await this.#tar.readDocument(image.config)) === digest ||
      (await this.#describe(image)).digest === digest
    );
  }

  async #describe(image: SavedImage): Promise<Descriptor> {
    const bytes = await this.#tar.readDocument(image.config);
    const diffIds = parseDiffIds(bytes, image, this.#tar.path);
    const config = { mediaType: mediaTypes.dockerConfig, digest: digestOf(bytes), size: bytes.length };
    this.#documents.set(config.digest, bytes);
    const layers: Descriptor[] = [];
    for (const [position, name] of image.layers.entries()) {
      layers.push(await this.#describeLayer(name, diffIds[position]!));
    }
    const mediaType = mediaTypes.dockerManifest;
    const manifest = encodeManifest({ schemaVersion: 2, mediaType, config, layers });
    const root = { mediaType, digest: digestOf(manifest), size: manifest.length };
    this.#documents.set(root.digest, manifest);
    return root;
  }

  /** A plain tar has its diff id for a digest; compressed ones, which some tools write, have their own. */
  async #describeLayer(name: string, diffId: Digest): Promise<Descriptor> {
    const compression = compressionOf(await buffer(this.#tar.read(name, 0, 4)));
    let layer = {
      mediaType: mediaTypes.dockerLayer as string,
      digest: diffId,
      size: this.#tar.sizeOf(name) ?? 0,
    };
    if (compression !== "none") {
      const bytes = hashing(this.#tar.read(name));
      for await (const _ of bytes);
      const isGzip = compression === "gzip";
      const mediaType = isGzip ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerZstd;
      layer = { mediaType, digest: bytes.digest, size: bytes.size };
    }
    this.#files.set(layer.digest, name);
    return layer;
  }
}

function parseImages(text: Buffer, where: string): SavedImage[] {
  let images: unknown;
  try {
    images = JSON.parse(text.toString());
  } catch (cause) {
    throw invalid(where, "its manifest.json is not JSON", cause);
  }
  if (!Array.isArray(images)) throw invalid(where, "its manifest.json is not a list");
  return images.map(({ Config, RepoTags, Layers }) => {
    const layers: unknown[] = Layers ?? [];
    const names: unknown[] = RepoTags ?? [];
    if (typeof Config !== "string" || ![layers, names].every(isTextList)) {
      throw invalid(where, "its manifest.json names no configuration and layers");
    }
    return { config: clean(Config), names: names as string[], layers: (layers as string[]).map(clean) };
  });
}

function parseDiffIds(config: Buffer, { layers }: SavedImage, where: string): Digest[] {
  let diffIds: unknown;
  try {
    diffIds = Object(JSON.parse(config.toString())).rootfs?.diff_ids ?? [];
  } catch (cause) {
    throw invalid(where, "a configuration in it is not JSON", cause);
  }
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest) || diffIds.length !== layers.length) {
    throw invalid(where, "a configuration in it does not fit its layers");
  }
  return diffIds;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function clean(name: string): string {
  return name.replace(/^(\.\/)+/, "");
}

function invalid(where: string, why: string, cause?: unknown): SealerError {
  return new SealerError("IMAGE_INVALID", `${where} is not what docker save writes: ${why}`, {
    where,
    hint: "Save the image again.",
    cause,
  });
}
