import type { Readable } from "node:stream";
import { algorithmOf, type Descriptor, hexOf, isDigest } from "#oci";
import { blobMissing } from "../blob-folder.ts";
import { childrenOf, isNonDistributable } from "../children.ts";
import { imageNotFound, type LayoutIndex, namesIn, parseLayoutIndex } from "../layout-index.ts";
import type { ImageArchive } from "./image-archive.ts";
import { sameName } from "./same-name.ts";
import type { TarFile } from "./tar-file.ts";

/** An OCI image layout inside a tar archive: `skopeo copy … oci-archive:`, `podman save`, newer `docker save`. */
export class OciArchive implements ImageArchive {
  readonly kind = "oci-archive";
  readonly #tar: TarFile;
  readonly #index: LayoutIndex;

  private constructor(tar: TarFile, index: LayoutIndex) {
    this.#tar = tar;
    this.#index = index;
  }

  static async open(tar: TarFile): Promise<OciArchive> {
    const text = (await tar.readDocument("index.json")).toString();
    return new OciArchive(tar, parseLayoutIndex(text, `${tar.path}: index.json`));
  }

  async names(): Promise<string[]> {
    return namesIn(this.#index, fullNames).map(({ name }) => name);
  }

  async resolve(reference: string): Promise<Descriptor> {
    const images = namesIn(this.#index, fullNames);
    const found =
      images.find(({ name }) => sameName(name, reference)) ??
      images.find(({ descriptor }) => descriptor.digest === reference);
    if (!found) throw imageNotFound(this.#index, reference, this.#tar.path);
    return found.descriptor;
  }

  async open(
    { digest }: Descriptor,
    { offset }: { readonly offset?: number | undefined } = {},
  ): Promise<Readable> {
    const name = `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
    if (!isDigest(digest) || this.#tar.sizeOf(name) === undefined) throw blobMissing(digest, this.#tar.path);
    return this.#tar.read(name, offset);
  }

  /** Docker lists images with platforms that it does not have. */
  async isWhole(): Promise<boolean> {
    const queue = namesIn(this.#index).map(({ descriptor }) => descriptor);
    for (let content = queue.pop(); content; content = queue.pop()) {
      const { digest } = content;
      const isHere = this.#tar.sizeOf(`blobs/${algorithmOf(digest)}/${hexOf(digest)}`) !== undefined;
      if (!isHere && !isNonDistributable(content)) return false;
      if (isHere) queue.push(...(await childrenOf(content, this)));
    }
    return true;
  }

  async close(): Promise<void> {}
}

/** containerd's annotation holds the whole name, where the other one then has the tag alone. */
const fullNames = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
