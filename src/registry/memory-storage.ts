import { randomUUID } from "node:crypto";
import { algorithmOf, type Digest, digestOf } from "#oci";
import { uploadFolder } from "./layout.ts";
import { mismatch } from "./mismatch.ts";
import type {
  OpenBlob,
  RegistryStorage,
  StoredBlobs,
  StoredFiles,
  StoredUploads,
  Upload,
} from "./storage.ts";

/** Content held in memory, for tests and for registries that live as long as a command. */
export class MemoryStorage implements RegistryStorage {
  readonly files: StoredFiles = memoryFiles();
  readonly blobs: StoredBlobs;
  readonly uploads: StoredUploads;

  constructor() {
    const blobs = new Map<Digest, Uint8Array>();
    this.blobs = memoryBlobs(blobs);
    this.uploads = memoryUploads(blobs);
  }
}

function memoryFiles(): StoredFiles {
  const files = new Map<string, Buffer>();
  return {
    read: async (path) => files.get(path),
    async write(path, content) {
      files.set(path, Buffer.from(content));
    },
    async list(folder) {
      const below = [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
      const names = new Set(below.map((path) => path.slice(folder.length + 1).split("/")[0]!));
      return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    },
    async remove(path) {
      const removed = [...files.keys()].filter((key) => key === path || key.startsWith(`${path}/`));
      for (const key of removed) files.delete(key);
      return removed.length > 0;
    },
  };
}

function memoryBlobs(blobs: Map<Digest, Uint8Array>): StoredBlobs {
  return {
    size: async (digest) => blobs.get(digest)?.length,
    async open(digest): Promise<OpenBlob | undefined> {
      const bytes = blobs.get(digest);
      if (!bytes) return undefined;
      return {
        size: bytes.length,
        version: digest,
        async read(into, position) {
          const part = bytes.subarray(position, position + into.length);
          into.set(part);
          return part.length;
        },
        async close() {},
      };
    },
    async write(digest, content) {
      blobs.set(digest, Uint8Array.from(content));
    },
  };
}

function memoryUploads(blobs: Map<Digest, Uint8Array>): StoredUploads {
  const uploads = new Map<string, { upload: Upload; began: number }>();
  return {
    async begin(repository) {
      const id = randomUUID();
      const key = uploadFolder(repository, id);
      const upload = memoryUpload(id, blobs, () => uploads.delete(key));
      uploads.set(key, { upload, began: Date.now() });
      return upload;
    },
    find: async (repository, id) => uploads.get(uploadFolder(repository, id))?.upload,
    async purge(repository, time) {
      const old = [...uploads].filter(
        ([key, { began }]) => key.startsWith(uploadFolder(repository, "")) && began < time,
      );
      for (const [key] of old) uploads.delete(key);
      return old.length;
    },
  };
}

function memoryUpload(id: string, blobs: Map<Digest, Uint8Array>, forget: () => void): Upload {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    id,
    get size() {
      return size;
    },
    async append(bytes) {
      for await (const chunk of bytes) {
        chunks.push(chunk);
        size += chunk.length;
      }
    },
    async commit(digest) {
      forget();
      const content = Buffer.concat(chunks);
      const actual = digestOf(content, algorithmOf(digest));
      if (actual !== digest) throw mismatch(digest, actual);
      blobs.set(digest, content);
    },
    async cancel() {
      forget();
    },
  };
}
