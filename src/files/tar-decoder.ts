import {
  type TarDevice,
  type TarEntryType,
  tarBlock,
  tarChecksums,
  tarFields,
  tarTypeFlags,
} from "./tar-header.ts";

/** Why an archive is refused; whoever reads it adds which archive and which entry. */
export class TarFault extends Error {}

/** A header block as it stands, before PAX and GNU records are applied to it. */
export interface RawTarHeader {
  readonly typeFlag: string;
  readonly name: Buffer;
  readonly linkname: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly device: TarDevice;
}

/** Reads a header block of the v7, ustar, PAX or GNU format. @throws TarFault */
export function decodeTarHeader(block: Buffer): RawTarHeader {
  checkSum(block);
  const ustar = fieldOf(block, "magic").toString("latin1") === "ustar\x0000";
  const prefix = ustar ? textOf(block, "prefix") : Buffer.alloc(0);
  const name = textOf(block, "name");
  const typeFlag = String.fromCharCode(block[tarFields.type[0]]!);
  const isDevice = typeFlag === tarTypeFlags.character || typeFlag === tarTypeFlags.block;
  return {
    typeFlag,
    name: prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : name,
    linkname: textOf(block, "linkname"),
    mode: countOf(block, "mode"),
    uid: countOf(block, "uid"),
    gid: countOf(block, "gid"),
    size: countOf(block, "size"),
    mtime: numberOf(block, "mtime"),
    device: isDevice
      ? { major: countOf(block, "major"), minor: countOf(block, "minor") }
      : { major: 0, minor: 0 },
  };
}

export function isEmptyBlock(block: Buffer): boolean {
  return block.equals(emptyBlock);
}

/** @throws TarFault for kinds that hold no file of their own, or hold it in a way that readers disagree about */
export function typeOfFlag(flag: string): TarEntryType {
  switch (flag) {
    case "0":
    case "\0":
    case "7":
      return "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "3":
      return "character";
    case "4":
      return "block";
    case "5":
      return "directory";
    case "6":
      return "fifo";
    case "S":
      throw new TarFault("it is a GNU sparse file, which is not supported");
    default:
      throw new TarFault(`its type ${JSON.stringify(flag)} is unknown`);
  }
}

const emptyBlock = Buffer.alloc(tarBlock);

function checkSum(block: Buffer): void {
  const told = numberOf(block, "checksum");
  const { unsigned, signed } = tarChecksums(block);
  if (told !== unsigned && told !== signed) throw new TarFault("a header's checksum is wrong");
}

type Field = keyof typeof tarFields;

function fieldOf(block: Buffer, field: Field): Buffer {
  const [at, length] = tarFields[field];
  return block.subarray(at, at + length);
}

/** Up to the first NUL. A copy: it lives longer than the chunk that it came in. */
function textOf(block: Buffer, field: Field): Buffer {
  const bytes = fieldOf(block, field);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end));
}

function countOf(block: Buffer, field: Field): number {
  const value = numberOf(block, field);
  if (value < 0) throw new TarFault(`its ${field} is negative`);
  return value;
}

/** Octal digits, or (GNU) a two's complement number with the first bit set. */
function numberOf(block: Buffer, field: Field): number {
  const bytes = fieldOf(block, field);
  if (bytes[0]! & 0x80) return base256Of(bytes, field);
  const text = bytes
    .toString("latin1")
    .replace(/^ +/, "")
    .replace(/[ \0].*$/s, "");
  if (!/^[0-7]*$/.test(text)) throw new TarFault(`its ${field} is not an octal number`);
  return text === "" ? 0 : Number.parseInt(text, 8);
}

function base256Of(bytes: Buffer, field: Field): number {
  const bits = bytes.length * 8 - 1;
  const unsigned = BigInt(`0x${bytes.toString("hex")}`) & ((1n << BigInt(bits)) - 1n);
  const negative = (bytes[0]! & 0x40) !== 0;
  const value = Number(negative ? unsigned - (1n << BigInt(bits)) : unsigned);
  if (!Number.isSafeInteger(value)) throw new TarFault(`its ${field} is too large`);
  return value;
}
