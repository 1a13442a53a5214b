import { createHash, type Hash, randomUUID } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { SealerError } from "#errors";
import { makeDirectory, syncDirectory } from "#files";
import { algorithmOf, type Digest, digestFromHash } from "#oci";
import { blobPath, uploadFolder, uploadsFolder } from "./layout.ts";
import { mismatch } from "./mismatch.ts";
import type { StoredUploads, Upload } from "./storage.ts";

import { unlessMissing } from "./unless-missing.ts";

/** Uploads in `_uploads/<id>/data`. The hash runs along in memory; after a restart it is made again from the file. */
export class FileUploads implements StoredUploads {
  readonly #folder: string;
  readonly #open = new Map<string, FileUpload>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async begin(repository: string): Promise<Upload> {
    const id = randomUUID();
    const folder = join(this.#folder, uploadFolder(repository, id));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "startedat"), new Date().toISOString());
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const file = await open(join(folder, "data"), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await file.close();
    return this.#remember(id, folder, 0, createHash("sha256"));
  }

  async find(repository: string, id: string): Promise<Upload | undefined> {
    const known = this.#open.get(id);
    const folder = join(this.#folder, uploadFolder(repository, id));
    if (known) return known.folder === folder ? known : undefined;
    const found = await stat(join(folder, "data")).catch(() => undefined);
    return found?.isFile() ? this.#remember(id, folder, found.size, undefined) : undefined;
  }

  async purge(repository: string, time: number): Promise<number> {
    let dropped = 0;
    const uploads = join(this.#folder, uploadsFolder(repository));
    for (const id of (await unlessMissing(readdir(uploads))) ?? []) {
      const startedAt = await readFile(join(uploads, id, "startedat"), "utf8").catch(() => "");
      if (Date.parse(startedAt) >= time) continue;
      this.#open.delete(id);
      await rm(join(uploads, id), { recursive: true, force: true });
      dropped++;
    }
    return dropped;
  }

  #remember(id: string, folder: string, size: number, hash: Hash | undefined): FileUpload {
    const blob = (digest: Digest) => join(this.#folder, blobPath(digest));
    const upload = new FileUpload(id, folder, size, hash, blob, () => this.#open.delete(id));
    this.#open.set(id, upload);
    return upload;
  }
}

class FileUpload implements Upload {
  readonly id: string;
  readonly folder: string;
  size: number;
  /** Of all bytes so far; undefined where some of them were written before this process started. */
  readonly #hash: Hash | undefined;
  readonly #blob: (digest: Digest) => string;
  readonly #forget: () => void;

  constructor(
    id: string,
    folder: string,
    size: number,
    hash: Hash | undefined,
    blob: (digest: Digest) => string,
    forget: () => void,
  ) {
    this.id = id;
    this.folder = folder;
    this.size = size;
    this.#hash = hash;
    this.#blob = blob;
    this.#forget = forget;
  }

  async append(bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await open(this.#data, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      await this.#writeAll(file, bytes);
    } finally {
      await file.close();
    }
  }

  async commit(digest: Digest): Promise<void> {
    try {
      const actual = await this.#digest(digest);
      if (actual !== digest) throw mismatch(digest, actual);
      const target = this.#blob(digest);
      await this.#makeDurable();
      await makeDirectory(dirname(target));
      // Over whatever is there: that is the same bytes, or bytes that have rotted and are thereby repaired.
      await rename(this.#data, target);
      await syncDirectory(dirname(target));
    } finally {
      await this.cancel();
    }
  }

  async cancel(): Promise<void> {
    this.#forget();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  /** One write of about a megabyte is on its way while the next one is being received and hashed. */
  async #writeAll(file: FileHandle, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    let batch: Uint8Array[] = [];
    let length = 0;
    let writing: Promise<void> = Promise.resolve();
    const flush = async () => {
      const [chunks, size, position] = [batch, length, this.size];
      [batch, length] = [[], 0];
      this.size += size;
      await writing;
      writing = this.#write(file, chunks, position);
      writing.catch(() => undefined);
    };
    try {
      for await (const chunk of bytes) {
        this.#hash?.update(chunk);
        batch.push(chunk);
        length += chunk.length;
        if (length >= batchBytes) await flush();
      }
    } finally {
      if (length > 0) await flush();
      await writing;
    }
  }

  async #write(file: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
    try {
      let offset = position;
      for (const bytes of chunks.length > 1 ? [Buffer.concat(chunks)] : chunks) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset);
          done += bytesWritten;
          offset += bytesWritten;
        }
      }
    } catch (cause) {
      await this.cancel();
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== "ENOSPC" && code !== "EDQUOT") throw cause;
      throw new SealerError("DISK_FULL", "the registry's disk is full", {
        where: this.folder,
        hint: "Make room on the disk that holds the registry's folder, or give it a larger one.",
        cause,
      });
    }
  }

  async #digest(wanted: Digest): Promise<Digest> {
    const algorithm = algorithmOf(wanted);
    if (algorithm === "sha256" && this.#hash) return digestFromHash(this.#hash);
    const hash = createHash(algorithm);
    for await (const chunk of createReadStream(this.#data, { highWaterMark: batchBytes })) {
      hash.update(chunk as Buffer);
    }
    return digestFromHash(hash, algorithm);
  }

  async #makeDurable(): Promise<void> {
    const file = await open(this.#data, constants.O_RDWR | constants.O_NOFOLLOW);
    try {
      await file.chmod(0o444);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

const batchBytes = 1 << 20;
