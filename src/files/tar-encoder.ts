import {
  type TarHeader,
  tarBlock,
  tarChecksums,
  tarFields,
  tarPaddingOf,
  tarTypeFlags,
} from "./tar-header.ts";

/**
 * The blocks that start an entry: ustar (POSIX.1-2001), and before it a PAX header only where ustar cannot hold a value.
 * The same header gives the same bytes.
 */
export function encodeTarHeader(header: TarHeader): Buffer {
  const path = bytesOf(header.path);
  const linkname = bytesOf(header.linkname ?? "");
  const { uid = 0, gid = 0, mtime = 0, size = 0, device } = header;
  const place = splitPath(path);
  const records: [string, string | Uint8Array][] = [];
  if (!place) records.push(["path", path]);
  if (linkname.length > tarFields.linkname[1]) records.push(["linkpath", linkname]);
  if (!fits(size, tarFields.size)) records.push(["size", String(size)]);
  if (!fits(uid, tarFields.uid)) records.push(["uid", String(uid)]);
  if (!fits(gid, tarFields.gid)) records.push(["gid", String(gid)]);
  if (!fits(mtime, tarFields.mtime)) records.push(["mtime", String(mtime)]);
  for (const [name, value] of [...(header.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push([`SCHILY.xattr.${name}`, value]);
  }
  const { name, prefix } = place ?? { name: path.subarray(0, tarFields.name[1]), prefix: Buffer.alloc(0) };
  const block = headerBlock({
    name,
    prefix,
    linkname: linkname.subarray(0, tarFields.linkname[1]),
    typeFlag: tarTypeFlags[header.type],
    numbers: {
      mode: header.mode,
      uid,
      gid,
      size,
      mtime,
      major: device?.major ?? 0,
      minor: device?.minor ?? 0,
    },
  });
  return records.length === 0 ? block : Buffer.concat([paxHeader(path, records), block]);
}

export function bytesOf(text: string | Uint8Array): Buffer {
  return typeof text === "string"
    ? Buffer.from(text)
    : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}

/** ustar has 100 bytes for the name, and 155 more for the folders before it. */
function splitPath(path: Buffer): { name: Buffer; prefix: Buffer } | undefined {
  const [, nameSize] = tarFields.name;
  const [, prefixSize] = tarFields.prefix;
  if (path.length <= nameSize) return { name: path, prefix: Buffer.alloc(0) };
  const slash = path.indexOf("/", path.length - nameSize - 1);
  if (slash <= 0 || slash > prefixSize || slash === path.length - 1) return undefined;
  return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
}

/** A numeric field holds octal digits and one end mark. */
function fits(value: number, [, length]: readonly [number, number]): boolean {
  return Number.isInteger(value) && value >= 0 && value < 8 ** (length - 1);
}

interface Block {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
  readonly linkname: Uint8Array;
  readonly typeFlag: string;
  readonly numbers: Readonly<Record<"mode" | "uid" | "gid" | "size" | "mtime" | "major" | "minor", number>>;
}

function headerBlock({ name, prefix, linkname, typeFlag, numbers }: Block): Buffer {
  const block = Buffer.alloc(tarBlock);
  block.set(name, tarFields.name[0]);
  block.set(linkname, tarFields.linkname[0]);
  block.set(prefix, tarFields.prefix[0]);
  block.write(typeFlag, tarFields.type[0], "latin1");
  block.write("ustar\x0000", tarFields.magic[0], "latin1");
  for (const field of ["mode", "uid", "gid", "size", "mtime", "major", "minor"] as const) {
    const [at, length] = tarFields[field];
    const value = fits(numbers[field], tarFields[field]) ? numbers[field] : 0;
    block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  }
  block.write(
    `${tarChecksums(block).unsigned.toString(8).padStart(6, "0")}\0 `,
    tarFields.checksum[0],
    "latin1",
  );
  return block;
}

function paxHeader(path: Buffer, records: readonly [string, string | Uint8Array][]): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, bytesOf(value))));
  const base = path.subarray(path.lastIndexOf("/", path.length - 2) + 1).subarray(0, 80);
  const block = headerBlock({
    name: Buffer.concat([Buffer.from("PaxHeaders/"), base]),
    prefix: Buffer.alloc(0),
    linkname: Buffer.alloc(0),
    typeFlag: "x",
    numbers: { mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0, major: 0, minor: 0 },
  });
  return Buffer.concat([block, body, tarPaddingOf(body.length)]);
}

/** `<length> <key>=<value>\n`, where the length counts its own digits too. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (rest.length + String(length).length !== length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
