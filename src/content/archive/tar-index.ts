import { type FileHandle, open } from "node:fs/promises";
import { SealerError } from "#errors";

/** Where a file's bytes are in an archive. */
export interface TarPart {
  readonly offset: number;
  readonly size: number;
}

interface Pending {
  path?: string;
  linkname?: string;
  size?: number;
}

const block = 512;
const mostEntries = 200_000;
const longestExtension = 1 << 20;
const mostLinks = 10;

/**
 * Finds the files in an archive without reading their content (POSIX.1-2001 ustar and PAX, GNU long names). Names are
 * without a leading `./`; links stand for the file that they lead to.
 * @throws TAR_INVALID for what is damaged or cut off, PATH_UNSAFE for names that lead out of it
 */
export async function indexTar(path: string): Promise<ReadonlyMap<string, TarPart>> {
  const file = await open(path, "r");
  try {
    return await scan(file, (await file.stat()).size, path);
  } finally {
    await file.close();
  }
}

async function scan(file: FileHandle, end: number, where: string): Promise<Map<string, TarPart>> {
  const parts = new Map<string, TarPart>();
  const links = new Map<string, string>();
  let pending: Pending = {};
  let at = 0;
  for (let entries = 0; at + block <= end; entries++) {
    if (entries > mostEntries) throw invalid(where, `it has more than ${mostEntries} entries`);
    const header = await read(file, at, block);
    if (header.every((byte) => byte === 0)) return withLinks(parts, links);
    if (at === 0 && !looksLikeTar(header)) throw noTar(where);
    checkSum(header, where, at);
    const type = String.fromCharCode(header[156]!);
    const size = pending.size ?? number(header.subarray(124, 136), where);
    const body = at + block;
    if (body + size > end) throw invalid(where, "it is cut off");
    at = body + Math.ceil(size / block) * block;

    if ("xgLK".includes(type)) {
      if (size > longestExtension) throw invalid(where, "it has a header of more than 1 MiB");
      const text = await read(file, body, size);
      if (type === "x") pending = { ...pending, ...extended(text, where) };
      if (type === "L") pending = { ...pending, path: cString(text) };
      if (type === "K") pending = { ...pending, linkname: cString(text) };
      continue;
    }
    const name = cleanName(pending.path ?? nameIn(header), where);
    const linkname = pending.linkname ?? cString(header.subarray(157, 257));
    pending = {};
    links.delete(name);
    parts.delete(name);
    if (type === "0" || type === "\0" || type === "7") parts.set(name, { offset: body, size });
    else if (type === "1") links.set(name, cleanName(linkname, where));
    else if (type === "2") links.set(name, cleanName(beside(name, linkname), where));
    else if (type === "S") throw invalid(where, `${name} is a sparse file`);
  }
  throw at === 0 ? noTar(where) : invalid(where, "it is cut off");
}

/** The number at the place of the check sum is octal in every tar archive, however damaged the rest. */
function looksLikeTar(header: Buffer): boolean {
  return /^[0-7 \0]{8}$/.test(header.toString("latin1", 148, 156));
}

function noTar(where: string): SealerError {
  return new SealerError("TAR_INVALID", `${where} is not a tar archive`, {
    where,
    hint: "Images are in tar archives (also compressed by gzip or zstd), and in folders that are OCI layouts.",
  });
}

function withLinks(parts: Map<string, TarPart>, links: ReadonlyMap<string, string>): Map<string, TarPart> {
  for (const name of links.keys()) {
    let target: string | undefined = name;
    for (let steps = 0; target !== undefined && links.has(target) && steps < mostLinks; steps++) {
      target = links.get(target);
    }
    const part = target === undefined ? undefined : parts.get(target);
    if (part) parts.set(name, part);
  }
  return parts;
}

function beside(name: string, linkname: string): string {
  const parts = name.split("/").slice(0, -1);
  for (const part of linkname.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function cleanName(name: string, where: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (name.startsWith("/") || parts.includes("..") || /\p{Cc}/u.test(name)) {
    throw new SealerError(
      "PATH_UNSAFE",
      `${where} has an entry named ${JSON.stringify(name.slice(0, 200))}`,
      {
        where,
        hint: "No tool that saves images writes such names: do not trust this archive.",
      },
    );
  }
  return parts.join("/");
}

function nameIn(header: Buffer): string {
  const name = cString(header.subarray(0, 100));
  const isUstar = header.toString("latin1", 257, 262) === "ustar" && header[262] === 0;
  const prefix = isUstar ? cString(header.subarray(345, 500)) : "";
  return prefix ? `${prefix}/${name}` : name;
}

function checkSum(header: Buffer, where: string, at: number): void {
  const expected = number(header.subarray(148, 156), where);
  const blanked = Buffer.from(header).fill(0x20, 148, 156);
  const unsigned = blanked.reduce((sum, byte) => sum + byte, 0);
  if (unsigned !== expected) throw invalid(where, `the header at byte ${at} is damaged`);
}

/** Octal, or base 256 where the first bit is set. */
function number(field: Buffer, where: string): number {
  if (field[0]! & 0x80) {
    const value = field[0] === 0x80 ? BigInt(`0x${field.toString("hex", 1)}`) : -1n;
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw invalid(where, "it has an entry of an impossible size");
  }
  const text = field
    .toString("latin1")
    .replace(/[\0 ]+$/, "")
    .trim();
  if (/^[0-7]*$/.test(text)) return Number.parseInt(text || "0", 8);
  throw invalid(where, "it has a number that is none");
}

/** PAX records: `length key=value\n`. */
function extended(text: Buffer, where: string): Pending {
  const found: Pending = {};
  for (let at = 0; at < text.length; ) {
    const blank = text.indexOf(0x20, at);
    const length = Number(text.toString("latin1", at, blank < 0 ? at : blank));
    if (blank < 0 || !Number.isInteger(length) || length <= blank - at || at + length > text.length) {
      throw invalid(where, "it has a damaged PAX header");
    }
    const record = text.toString("utf8", blank + 1, at + length - 1);
    const key = record.slice(0, record.indexOf("="));
    const value = record.slice(record.indexOf("=") + 1);
    if (key === "path") found.path = value;
    else if (key === "linkpath") found.linkname = value;
    else if (key === "size" && /^\d{1,15}$/.test(value)) found.size = Number(value);
    else if (key === "size" || key.startsWith("GNU.sparse.")) {
      throw invalid(where, `it has an entry with ${record.slice(0, 60)}`);
    }
    at += length;
  }
  return found;
}

async function read(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, offset);
  return buffer.subarray(0, bytesRead);
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

function invalid(where: string, why: string): SealerError {
  return new SealerError("TAR_INVALID", `${where} is not a whole tar archive: ${why}`, {
    where,
    hint: "Save or copy the archive again.",
  });
}
