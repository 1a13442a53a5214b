import { chmodSync, fchmodSync, fchownSync, futimesSync, lchownSync, lutimesSync } from "node:fs";
import { printable } from "./fs-error.ts";
import type { TarEntry } from "./tar-header.ts";

export type Metadata = Pick<TarEntry, "mode" | "uid" | "gid" | "mtime">;

/** Sets owners, modes and times, in this order: a change of owner clears setuid. */
export class MetadataSetter {
  readonly #keepOwners: boolean;
  readonly #warn: (message: string) => void;

  constructor(keepOwners: boolean, warn: (message: string) => void) {
    this.#keepOwners = keepOwners;
    this.#warn = warn;
  }

  /** A setuid bit that comes to another owner would be a right that nobody gave. */
  onFile(fd: number, { mode, uid, gid, mtime, pathBytes }: TarEntry): void {
    const kept = this.#keepOwners ? mode : mode & ~setId;
    if (kept !== mode) this.#warn(`${printable(pathBytes)}: its setuid or setgid bit is dropped`);
    this.onFolder(fd, { mode: kept, uid, gid, mtime });
  }

  onFolder(fd: number, { mode, uid, gid, mtime }: Metadata): void {
    if (this.#keepOwners) fchownSync(fd, uid, gid);
    fchmodSync(fd, mode);
    futimesSync(fd, mtime, mtime);
  }

  onLink(path: Buffer, { uid, gid, mtime }: Metadata): void {
    if (this.#keepOwners) lchownSync(path, uid, gid);
    lutimesSync(path, mtime, mtime);
  }

  onNode(path: Buffer, metadata: Metadata): void {
    if (this.#keepOwners) lchownSync(path, metadata.uid, metadata.gid);
    chmodSync(path, metadata.mode);
    lutimesSync(path, metadata.mtime, metadata.mtime);
  }
}

const setId = 0o6000;
