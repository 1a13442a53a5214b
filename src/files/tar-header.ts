/** What an entry of a tar archive is. */
export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

export interface TarHeader {
  /** Below the root of the archive; a folder's may end in "/". Bytes where the name is not UTF-8. */
  readonly path: string | Uint8Array;
  readonly type: TarEntryType;
  /** Permission bits only: 0 to 0o7777. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970; fractions and times before are kept. */
  readonly mtime?: number;
  /** Bytes of a file's content. */
  readonly size?: number;
  readonly linkname?: string | Uint8Array;
  readonly device?: TarDevice;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

export interface TarDevice {
  readonly major: number;
  readonly minor: number;
}

/** An entry as read. Its body must be read before the next entry is asked for; what is left of it is passed over. */
export interface TarEntry {
  /** As in the archive: not cleaned, and not safe to use as a path. */
  readonly path: string;
  readonly pathBytes: Buffer;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  readonly linkname?: Buffer;
  readonly device?: TarDevice;
  readonly xattrs: ReadonlyMap<string, Buffer>;
  readonly body: AsyncIterable<Uint8Array>;
}

export const tarBlock = 512;

/** [offset, length] of each field in a header block (POSIX.1-2001 ustar). */
export const tarFields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

export const tarTypeFlags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const satisfies Record<TarEntryType, string>;

/** Bytes from the end of a body to the next header. */
export function tarPadding(size: number): number {
  return (tarBlock - (size % tarBlock)) % tarBlock;
}

export function tarPaddingOf(size: number): Uint8Array {
  return tarEnd.subarray(0, tarPadding(size));
}

/** The two empty blocks that end an archive. */
export const tarEnd: Uint8Array = new Uint8Array(2 * tarBlock);

/** The header's bytes added up, as if the checksum field held blanks: as unsigned bytes, and as old tars did, signed. */
export function tarChecksums(block: Uint8Array): { readonly unsigned: number; readonly signed: number } {
  const [start, length] = tarFields.checksum;
  let unsigned = 0;
  let high = 0;
  for (let at = 0; at < tarBlock; at++) {
    const byte = at >= start && at < start + length ? 32 : block[at]!;
    unsigned += byte;
    if (byte > 127) high++;
  }
  return { unsigned, signed: unsigned - high * 256 };
}
