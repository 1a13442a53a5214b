import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, type Stats } from "node:fs";

/**
 * A folder held open. Its entries are reached through the open folder (`/proc/self/fd/N/name` is what openat(2) does), so
 * that nobody who renames or replaces folders above can lead us elsewhere.
 */
export class SafeDirectory {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** The last part of `path` must be a folder itself, not a link to one. */
  static open(path: string | Buffer): SafeDirectory {
    return new SafeDirectory(
      openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW),
    );
  }

  /** The path of an entry; good only until this folder is closed, and only for calls that do not follow links. */
  at(name: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.fd}/`), name]);
  }

  /** The same folder for a program that we start, as its working folder. */
  pathForChildren(): string {
    return `/proc/${process.pid}/fd/${this.fd}`;
  }

  openDirectory(name: Uint8Array): SafeDirectory {
    return SafeDirectory.open(this.at(name));
  }

  /** The same folder once more, to be closed on its own. */
  reopen(): SafeDirectory {
    return this.openDirectory(Buffer.from("."));
  }

  /** In the order of their bytes. */
  names(): Buffer[] {
    return readdirSync(`/proc/self/fd/${this.fd}`, { encoding: "buffer" }).sort(Buffer.compare);
  }

  lstat(name: Uint8Array): Stats | undefined {
    return lstatSync(this.at(name), { throwIfNoEntry: false });
  }

  stat(): Stats {
    return fstatSync(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
