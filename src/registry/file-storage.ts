import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory, syncDirectory, writeFileAtomic } from "#files";
import { algorithmOf, type Digest, digestOf } from "#oci";
import { FileUploads } from "./file-uploads.ts";
import { blobPath } from "./layout.ts";
import type { OpenBlob, RegistryStorage, StoredBlobs, StoredFiles } from "./storage.ts";

import { unlessMissing } from "./unless-missing.ts";

/**
 * A folder on a local disk. Nothing is visible before it is whole: written aside, fsynced, renamed, folder fsynced.
 * What the paths in it are is said in `layout.ts`.
 */
export class FileStorage implements RegistryStorage {
  readonly files: StoredFiles;
  readonly blobs: StoredBlobs;
  readonly uploads: FileUploads;

  /** @param folder what distribution's configuration calls `rootdirectory` */
  constructor(folder: string) {
    this.files = storedFiles(folder);
    this.blobs = storedBlobs(folder);
    this.uploads = new FileUploads(folder);
  }
}

function storedFiles(folder: string): StoredFiles {
  return {
    read: (path) => unlessMissing(readFile(join(folder, path))),
    async write(path, content) {
      await makeDirectory(join(folder, dirname(path)));
      await writeFileAtomic(join(folder, path), content);
    },
    async list(path) {
      const names = (await unlessMissing(readdir(join(folder, path)))) ?? [];
      return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    },
    async remove(path) {
      const target = join(folder, path);
      if (!(await unlessMissing(lstat(target)))) return false;
      await rm(target, { recursive: true, force: true });
      await syncDirectory(dirname(target));
      return true;
    },
  };
}

function storedBlobs(folder: string): StoredBlobs {
  return {
    async size(digest) {
      const found = await unlessMissing(stat(join(folder, blobPath(digest))));
      return found && isWhole(found, digest) ? found.size : undefined;
    },
    async open(digest): Promise<OpenBlob | undefined> {
      const file = await unlessMissing(
        open(join(folder, blobPath(digest)), constants.O_RDONLY | constants.O_NOFOLLOW),
      );
      if (!file) return undefined;
      const found = await file.stat();
      if (!isWhole(found, digest)) {
        await file.close();
        return undefined;
      }
      return {
        size: found.size,
        version: `${found.ino}-${found.mtimeMs}-${found.size}`,
        read: async (into, position) => (await file.read(into, 0, into.length, position)).bytesRead,
        close: () => file.close(),
      };
    },
    async write(digest, content) {
      const path = join(folder, blobPath(digest));
      await makeDirectory(dirname(path));
      await writeFileAtomic(path, content, { mode: 0o444 });
    },
  };
}

/** A file cut to nothing, as a full disk or a crash of another program leaves it, is not a blob. */
function isWhole(found: Stats, digest: Digest): boolean {
  return found.isFile() && (found.size > 0 || digest === digestOf("", algorithmOf(digest)));
}
