import { algorithmOf, type Digest, digestOf, isDigest } from "#oci";
import {
  currentFolder,
  layerFolder,
  linkIn,
  manifestsFolder,
  referrerFolder,
  referrersFolder,
  revisionFolder,
  tagFolder,
  tagHistoryFolder,
  tagsFolder,
} from "./layout.ts";
import type { ManifestDocument } from "./manifest-document.ts";
import type { OpenBlob, RegistryStorage, Upload } from "./storage.ts";

/**
 * One repository in a storage: which blobs and manifests it has, and what its tags stand for. Content that no link of
 * this repository names is not there, whoever else has it.
 */
export class Repository {
  readonly name: string;
  readonly #storage: RegistryStorage;

  /** @param name checked by `isRepository` */
  constructor(name: string, storage: RegistryStorage) {
    this.name = name;
    this.#storage = storage;
  }

  async exists(): Promise<boolean> {
    return (await this.#storage.files.list(manifestsFolder(this.name))).length > 0;
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    if (!(await this.#hasLink(layerFolder(this.name, digest)))) return undefined;
    return this.#storage.blobs.size(digest);
  }

  async openBlob(digest: Digest): Promise<OpenBlob | undefined> {
    if (!(await this.#hasLink(layerFolder(this.name, digest)))) return undefined;
    return this.#storage.blobs.open(digest);
  }

  /** Lets the repository have a blob that the storage has. Says whether the storage does. */
  async linkBlob(digest: Digest): Promise<boolean> {
    if ((await this.#storage.blobs.size(digest)) === undefined) return false;
    await this.#link(layerFolder(this.name, digest), digest);
    return true;
  }

  unlinkBlob(digest: Digest): Promise<boolean> {
    return this.#storage.files.remove(layerFolder(this.name, digest));
  }

  beginUpload(): Promise<Upload> {
    return this.#storage.uploads.begin(this.name);
  }

  findUpload(id: string): Promise<Upload | undefined> {
    return this.#storage.uploads.find(this.name, id);
  }

  async finishUpload(upload: Upload, digest: Digest): Promise<void> {
    await upload.commit(digest);
    await this.#link(layerFolder(this.name, digest), digest);
  }

  async tagged(tag: string): Promise<Digest | undefined> {
    const link = await this.#storage.files.read(linkIn(currentFolder(this.name, tag)));
    const digest = link?.toString("utf8").trim();
    return isDigest(digest) ? digest : undefined;
  }

  async hasManifest(digest: Digest): Promise<boolean> {
    return this.#hasLink(revisionFolder(this.name, digest));
  }

  /** The manifest's bytes, checked; undefined if the repository has none, or only rotten ones, of this digest. */
  async manifest(digest: Digest): Promise<Buffer | undefined> {
    if (!(await this.hasManifest(digest))) return undefined;
    const blob = await this.#storage.blobs.open(digest);
    if (!blob) return undefined;
    try {
      const bytes = Buffer.alloc(blob.size);
      for (let at = 0; at < bytes.length; ) {
        const length = await blob.read(bytes.subarray(at), at);
        if (length === 0) return undefined;
        at += length;
      }
      return digestOf(bytes, algorithmOf(digest)) === digest ? bytes : undefined;
    } finally {
      await blob.close();
    }
  }

  /** Bytes before the links to them, and tags last: whoever sees a tag sees all that it stands for. */
  async putManifest({ digest, bytes, subject }: ManifestDocument, tags: readonly string[]): Promise<void> {
    await this.#storage.blobs.write(digest, bytes);
    await this.#link(revisionFolder(this.name, digest), digest);
    if (subject) await this.#link(referrerFolder(this.name, subject, digest), digest);
    for (const tag of tags) {
      await this.#link(tagHistoryFolder(this.name, tag, digest), digest);
      await this.#link(currentFolder(this.name, tag), digest);
    }
  }

  /** Removes the manifest and the tags that stand for it. */
  async removeManifest(digest: Digest, subject: Digest | undefined): Promise<boolean> {
    for (const tag of await this.tags()) {
      if ((await this.tagged(tag)) === digest) await this.removeTag(tag);
    }
    if (subject) await this.#storage.files.remove(referrerFolder(this.name, subject, digest));
    return this.#storage.files.remove(revisionFolder(this.name, digest));
  }

  removeTag(tag: string): Promise<boolean> {
    return this.#storage.files.remove(tagFolder(this.name, tag));
  }

  /** In the order of their bytes. */
  tags(): Promise<readonly string[]> {
    return this.#storage.files.list(tagsFolder(this.name));
  }

  /** Digests of the manifests that name `subject`, whether that is here or not. */
  async referrers(subject: Digest): Promise<Digest[]> {
    const folder = referrersFolder(this.name, subject);
    const found: Digest[] = [];
    for (const algorithm of await this.#storage.files.list(folder)) {
      for (const hex of await this.#storage.files.list(`${folder}/${algorithm}`)) {
        const digest = `${algorithm}:${hex}`;
        if (isDigest(digest)) found.push(digest);
      }
    }
    return found;
  }

  async #hasLink(folder: string): Promise<boolean> {
    return (await this.#storage.files.read(linkIn(folder))) !== undefined;
  }

  async #link(folder: string, digest: Digest): Promise<void> {
    const present = await this.#storage.files.read(linkIn(folder));
    if (present?.toString("utf8") !== digest) await this.#storage.files.write(linkIn(folder), digest);
  }
}
