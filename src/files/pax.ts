import { TarFault } from "./tar-decoder.ts";

export type PaxRecords = ReadonlyMap<string, Buffer>;

/** Reads the body of a PAX header: `<length> <key>=<value>\n`, any number of times. @throws TarFault */
export function parsePax(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    const { key, value, end } = recordAt(body, at);
    if (key.startsWith("GNU.sparse.")) throw new TarFault("it is a GNU sparse file, which is not supported");
    records.set(key, value);
    at = end;
  }
  return records;
}

const xattrPrefix = "SCHILY.xattr.";

export function paxXattrs(records: PaxRecords): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of records) {
    if (key.startsWith(xattrPrefix)) xattrs.set(key.slice(xattrPrefix.length), value);
  }
  return xattrs;
}

/** A whole, non-negative number; nothing where the record is not there or empty. @throws TarFault */
export function paxCount(records: PaxRecords, key: string): number | undefined {
  const value = records.get(key);
  if (!value || value.length === 0) return undefined;
  const number = /^\d{1,16}$/.test(value.toString("latin1")) ? Number(value.toString("latin1")) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new TarFault(`its PAX ${key} is not a number that can be`);
  return number;
}

/** Seconds with a fraction, also before 1970. @throws TarFault */
export function paxTime(records: PaxRecords, key: string): number | undefined {
  const value = records.get(key);
  if (!value || value.length === 0) return undefined;
  if (!/^-?\d{1,15}(\.\d*)?$/.test(value.toString("latin1")))
    throw new TarFault(`its PAX ${key} is not a time`);
  return Number(value.toString("latin1"));
}

/** A name. An empty record takes back a global one. @throws TarFault */
export function paxName(records: PaxRecords, key: string): Buffer | undefined {
  const value = records.get(key);
  if (!value || value.length === 0) return undefined;
  if (value.includes(0)) throw new TarFault(`its PAX ${key} contains a NUL byte`);
  return value;
}

function recordAt(body: Buffer, at: number): { key: string; value: Buffer; end: number } {
  const blank = body.indexOf(0x20, at);
  const digits = blank < 0 || blank - at > 8 ? "" : body.toString("latin1", at, blank);
  const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0;
  const end = at + length;
  const equals = body.indexOf(0x3d, blank);
  if (length === 0 || end > body.length || equals < 0 || equals >= end || body[end - 1] !== 0x0a) {
    throw new TarFault("its PAX header is damaged");
  }
  return { key: body.toString("utf8", blank + 1, equals), value: body.subarray(equals + 1, end - 1), end };
}
