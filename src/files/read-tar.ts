import { SealerError } from "#errors";
import { ByteReader } from "./byte-reader.ts";
import { printable } from "./fs-error.ts";
import { type PaxRecords, parsePax, paxCount, paxName, paxTime, paxXattrs } from "./pax.ts";
import { decodeTarHeader, isEmptyBlock, type RawTarHeader, TarFault, typeOfFlag } from "./tar-decoder.ts";
import { type TarEntry, tarBlock, tarPadding } from "./tar-header.ts";

export interface TarLimits {
  /** Default 1 000 000. */
  readonly entries?: number;
  /** Bytes of all bodies together. Default: no limit. */
  readonly bytes?: number;
  /** Bytes of one PAX header or GNU long name. Default 1 MB. */
  readonly headerBytes?: number;
  /** The archive's name in messages. */
  readonly where?: string;
}

/**
 * Reads a tar archive (v7, ustar, PAX, GNU long names), uncompressed. Names are as in the archive: see `applyLayer` for
 * a safe way to disk. The stream is read to its end, so whoever hashes it on the way has seen all of it.
 * @throws TAR_INVALID for what is damaged, cut off or ambiguous, for sparse files, and beyond the limits
 */
export async function* readTar(
  bytes: AsyncIterable<Uint8Array>,
  limits: TarLimits = {},
): AsyncGenerator<TarEntry> {
  const parser = new TarParser(bytes, limits);
  try {
    for (let entry = await parser.next(); entry; entry = await parser.next()) yield entry;
  } catch (error) {
    throw error instanceof TarFault ? refusal(error, parser.current, limits.where) : error;
  } finally {
    await parser.close();
  }
}

function refusal(fault: TarFault, entry: Buffer | undefined, archive = "the tar archive"): SealerError {
  const at = entry && entry.length > 0 ? ` at "${printable(entry)}"` : "";
  return new SealerError("TAR_INVALID", `${archive} is refused${at}: ${fault.message}`, {
    where: entry && entry.length > 0 ? printable(entry) : archive,
    cause: fault,
  });
}

class TarParser {
  /** The entry that a fault belongs to. */
  current: Buffer | undefined;
  readonly #reader: ByteReader;
  readonly #limits: Required<Omit<TarLimits, "where">> & Pick<TarLimits, "where">;
  #globals: PaxRecords = new Map();
  #globalBytes = 0;
  #bodyLeft = 0;
  #padding = 0;
  #entries = 0;
  #bytes = 0;

  constructor(bytes: AsyncIterable<Uint8Array>, limits: TarLimits) {
    this.#reader = new ByteReader(bytes);
    this.#limits = {
      ...limits,
      entries: limits.entries ?? 1_000_000,
      bytes: limits.bytes ?? Number.POSITIVE_INFINITY,
      headerBytes: limits.headerBytes ?? 1 << 20,
    };
  }

  async next(): Promise<TarEntry | undefined> {
    await this.#skipBody();
    let records: PaxRecords = new Map();
    let longName: Buffer | undefined;
    let longLink: Buffer | undefined;
    for (;;) {
      const header = await this.#header();
      if (!header) {
        if (records.size > 0 || longName || longLink) throw new TarFault("its last header describes nothing");
        return undefined;
      }
      this.current = longName ?? records.get("path") ?? header.name;
      switch (header.typeFlag) {
        case "x":
        case "X":
          if (records.size > 0) throw new TarFault("it has two PAX headers");
          records = parsePax(await this.#headerBody(header));
          break;
        case "g":
          this.#addGlobals(parsePax(await this.#headerBody(header)), header.size);
          break;
        case "L":
          if (longName) throw new TarFault("it has two long names");
          longName = untilNul(await this.#headerBody(header));
          break;
        case "K":
          if (longLink) throw new TarFault("it has two long link names");
          longLink = untilNul(await this.#headerBody(header));
          break;
        default:
          return this.#entry(header, { records: merged(this.#globals, records), longName, longLink });
      }
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  async #skipBody(): Promise<void> {
    for (let left = this.#bodyLeft + this.#padding; left > 0; ) {
      const part = await this.#reader.some(left);
      if (part.length === 0) throw new TarFault("the archive is cut off");
      left -= part.length;
    }
    this.#bodyLeft = 0;
    this.#padding = 0;
  }

  /** The next header block; nothing at the end of the archive. */
  async #header(): Promise<RawTarHeader | undefined> {
    const block = await this.#block();
    if (!isEmptyBlock(block)) return decodeTarHeader(block);
    this.current = undefined;
    if (!isEmptyBlock(await this.#block())) throw new TarFault("an empty block stands between its entries");
    await this.#expectNothingMore();
    return undefined;
  }

  async #block(): Promise<Buffer> {
    const block = await this.#reader.exactly(tarBlock);
    if (block.length < tarBlock) {
      const missing = block.length === 0 ? "its end mark is missing" : "the last block is not whole";
      throw new TarFault(`the archive is cut off: ${missing}`);
    }
    return block;
  }

  /** Tar programs fill the last record with zeros. Anything else would be seen by some readers and not by others. */
  async #expectNothingMore(): Promise<void> {
    for (
      let part = await this.#reader.some(1 << 20);
      part.length > 0;
      part = await this.#reader.some(1 << 20)
    ) {
      if (part.some((byte) => byte !== 0)) throw new TarFault("something else follows the archive's end");
    }
  }

  async #headerBody({ size }: RawTarHeader): Promise<Buffer> {
    const { headerBytes } = this.#limits;
    if (size > headerBytes)
      throw new TarFault(`a header of ${size} bytes is larger than the ${headerBytes} allowed`);
    const body = Buffer.from(await this.#reader.exactly(size));
    const padding = tarPadding(size);
    if (body.length < size || (await this.#reader.exactly(padding)).length < padding) {
      throw new TarFault("the archive is cut off in a header");
    }
    return body;
  }

  /** Global names and sizes would hold for every entry that follows: nobody means that. */
  #addGlobals(records: PaxRecords, size: number): void {
    for (const key of ["path", "linkpath", "size"]) {
      if (records.has(key)) throw new TarFault(`a global PAX header sets ${key} for all entries`);
    }
    this.#globalBytes += size;
    if (this.#globalBytes > this.#limits.headerBytes)
      throw new TarFault("its global PAX headers are too large");
    this.#globals = merged(this.#globals, records);
  }

  #entry(
    header: RawTarHeader,
    {
      records,
      longName,
      longLink,
    }: { records: PaxRecords; longName?: Buffer | undefined; longLink?: Buffer | undefined },
  ): TarEntry {
    const path = paxName(records, "path") ?? longName ?? header.name;
    this.current = path;
    if (path.length === 0) throw new TarFault("an entry has no name");
    if (++this.#entries > this.#limits.entries) {
      throw new TarFault(`it has more than the ${this.#limits.entries} entries allowed`);
    }
    const linkname = paxName(records, "linkpath") ?? longLink ?? header.linkname;
    const size = paxCount(records, "size") ?? header.size;
    const type = typeOf(header.typeFlag, path, size);
    this.#openBody(type === "file" ? size : 0);
    return {
      path: path.toString(),
      pathBytes: path,
      type,
      mode: header.mode & 0o7777,
      uid: idOf(paxCount(records, "uid") ?? header.uid, "uid"),
      gid: idOf(paxCount(records, "gid") ?? header.gid, "gid"),
      mtime: paxTime(records, "mtime") ?? header.mtime,
      size: type === "file" ? size : 0,
      ...((type === "symlink" || type === "hardlink") && { linkname }),
      ...((type === "character" || type === "block") && { device: header.device }),
      xattrs: paxXattrs(records),
      body: this.#body(this.#entries),
    };
  }

  #openBody(size: number): void {
    this.#bytes += size;
    if (this.#bytes > this.#limits.bytes) {
      throw new TarFault(`it holds more than the ${this.#limits.bytes} bytes allowed`);
    }
    this.#bodyLeft = size;
    this.#padding = tarPadding(size);
  }

  async *#body(owner: number): AsyncGenerator<Uint8Array> {
    while (this.#bodyLeft > 0 && owner === this.#entries) {
      const part = await this.#reader.some(this.#bodyLeft);
      if (part.length === 0)
        throw refusal(new TarFault("the archive is cut off"), this.current, this.#limits.where);
      this.#bodyLeft -= part.length;
      yield part;
    }
  }
}

function untilNul(name: Buffer): Buffer {
  const end = name.indexOf(0);
  return end < 0 ? name : name.subarray(0, end);
}

function merged(globals: PaxRecords, records: PaxRecords): PaxRecords {
  return globals.size === 0 ? records : new Map([...globals, ...records]);
}

/** Readers disagree whether a body follows what has none; and v7 writes a folder as a file whose name ends in "/". */
function typeOf(flag: string, path: Buffer, size: number): TarEntry["type"] {
  const type = typeOfFlag(flag);
  const isFolder = type === "file" && path.at(-1) === 0x2f;
  const hasNoBody = isFolder || (type !== "file" && type !== "hardlink");
  if (hasNoBody && size > 0) throw new TarFault(`it is a ${isFolder ? "directory" : type} with a body`);
  return isFolder ? "directory" : type;
}

/** 2^32-1 means "nobody" to chown(2). */
function idOf(id: number, name: string): number {
  if (id >= 2 ** 32 - 1) throw new TarFault(`its ${name} ${id} is too large`);
  return id;
}
