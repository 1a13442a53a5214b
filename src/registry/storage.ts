import type { Digest } from "#oci";

/**
 * Where a registry keeps what it holds: blobs by digest, small files by path, and uploads on their way to become
 * blobs. What the paths mean is said in `layout.ts`; a storage only has to keep them.
 */
export interface RegistryStorage {
  readonly files: StoredFiles;
  readonly blobs: StoredBlobs;
  readonly uploads: StoredUploads;
}

/** Files of a few bytes. Paths are relative, with `/`, and made of checked names only: see `layout.ts`. */
export interface StoredFiles {
  read(path: string): Promise<Buffer | undefined>;
  /** The old content or the new one is there at any time, and the new one survives a power cut once this returns. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Names right below a folder, in the order of their bytes; none if there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Removes a file, or a folder with all that is in it. Says whether it was there. */
  remove(path: string): Promise<boolean>;
}

/** Content by digest, whichever repositories link to it. */
export interface StoredBlobs {
  /** In bytes; undefined if the blob is not there as a whole. */
  size(digest: Digest): Promise<number | undefined>;
  open(digest: Digest): Promise<OpenBlob | undefined>;
  /** For content small enough to be in memory, which the caller has hashed. */
  write(digest: Digest, content: Uint8Array): Promise<void>;
}

/** A blob being read. It stays readable until it is closed, also when it is removed meanwhile. */
export interface OpenBlob {
  readonly size: number;
  /** Changes when the stored bytes may have: what was checked under one version need not be checked again. */
  readonly version: string;
  /** Reads at `position` into the buffer and says how many bytes it was, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

export interface StoredUploads {
  begin(repository: string): Promise<Upload>;
  /** An upload begun before, also by an earlier process. */
  find(repository: string, id: string): Promise<Upload | undefined>;
  /** Drops what was begun before `time` (milliseconds) and never finished. Returns how many. */
  purge(repository: string, time: number): Promise<number>;
}

/** A blob on its way in. One request at a time may work on it. */
export interface Upload {
  readonly id: string;
  /** Bytes received so far. */
  readonly size: number;
  /** Keeps what arrived also when `bytes` fails in between. @throws DISK_FULL, and then the upload is gone */
  append(bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Makes the bytes a blob, durable when this returns. If their digest is another one, nothing is kept.
   * @throws DIGEST_MISMATCH
   */
  commit(digest: Digest): Promise<void>;
  cancel(): Promise<void>;
}
