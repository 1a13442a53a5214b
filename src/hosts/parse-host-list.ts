import { isIPv4, isIPv6 } from "node:net";
import { SealerError } from "#errors";

export interface HostAddress {
  /** An IPv4 address, or an IPv6 address in its shortest form (RFC 5952). */
  readonly address: string;
  readonly port?: number;
}

/**
 * Reads a host list: addresses, inclusive ranges and ports, separated by commas
 * (`10.0.0.1,10.0.0.3-10.0.0.5,10.0.0.9:2222,[fd00::1]:22`). An empty text is an empty list.
 * @param where the flag or field that the text stands in, for messages
 * @throws HOST_LIST_INVALID
 */
export function parseHostList(text: string, where = "host list"): HostAddress[] {
  if (text.trim() === "") return [];
  const hosts: HostAddress[] = [];
  const seen = new Map<string, string>();
  for (const item of text.split(",").map((part) => part.trim())) {
    const range = parseItem(item, where);
    if (hosts.length + Number(range.last - range.first) + 1 > mostAddresses) {
      throw invalid(`${quote(item)} makes it more than ${mostAddresses} addresses`, where);
    }
    for (let value = range.first; value <= range.last; value++) {
      const address = formatAddress(value, range.family);
      const before = seen.get(address);
      if (before !== undefined) throw invalid(`${address} stands there twice (${before} and ${item})`, where);
      if (hosts[0] && familyOf(hosts[0].address) !== range.family) {
        throw invalid(`${quote(item)} mixes IPv4 and IPv6; a cluster has one family`, where);
      }
      seen.set(address, item);
      hosts.push(range.port === undefined ? { address } : { address, port: range.port });
    }
  }
  return hosts;
}

const mostAddresses = 65_536;

type Family = 4 | 6;

interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  readonly port: number | undefined;
}

function parseItem(item: string, where: string): AddressRange {
  if (item === "") throw invalid("there is an empty place between two commas", where);
  const ends = item.split("-");
  if (ends.length > 2) throw invalid(`${quote(item)} is not a range`, where);
  const [first, last = first] = ends.map((end) => parseEnd(end.trim(), item, where));
  if (!first || !last) throw invalid(`${quote(item)} is not an address`, where);
  if (first.family !== last.family) throw invalid(`${quote(item)} mixes IPv4 and IPv6`, where);
  if (last.value < first.value) throw invalid(`The range ${quote(item)} runs backwards`, where);
  if (first.port !== undefined && last.port !== undefined && first.port !== last.port) {
    throw invalid(`${quote(item)} has two ports`, where);
  }
  return { family: first.family, first: first.value, last: last.value, port: last.port ?? first.port };
}

interface End {
  readonly family: Family;
  readonly value: bigint;
  readonly port: number | undefined;
}

/** `10.0.0.1`, `10.0.0.1:22`, `fd00::1`, `[fd00::1]`, `[fd00::1]:22`. */
function parseEnd(text: string, item: string, where: string): End {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed)
    return { ...parseAddress(bracketed[1]!, 6, item, where), port: parsePort(bracketed[2], item, where) };
  const colons = text.split(":").length - 1;
  if (colons > 1) return { ...parseAddress(text, 6, item, where), port: undefined };
  const [address = "", port] = text.split(":");
  return { ...parseAddress(address, 4, item, where), port: parsePort(port, item, where) };
}

function parseAddress(
  text: string,
  family: Family,
  item: string,
  where: string,
): { family: Family; value: bigint } {
  if (family === 4) {
    const octets = text.split(".");
    if (octets.length === 4 && octets.some((octet) => /^0\d+$/.test(octet))) {
      throw invalid(`${quote(item)} has leading zeros, which some read as octal`, where);
    }
    if (!isIPv4(text)) throw invalid(`${quote(item)} is not an address`, where);
    return { family, value: octets.reduce((value, octet) => value * 256n + BigInt(octet), 0n) };
  }
  if (text.includes("%"))
    throw invalid(`${quote(item)} names a link (%…), which other hosts cannot reach`, where);
  if (!isIPv6(text)) throw invalid(`${quote(item)} is not an address`, where);
  const value = groupsOf(text).reduce((sum, group) => sum * 65_536n + BigInt(group), 0n);
  if (value >> 32n === 0xffffn) throw invalid(`${quote(item)} is an IPv4 address written as IPv6`, where);
  return { family, value };
}

function parsePort(text: string | undefined, item: string, where: string): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^[1-9]\d{0,4}$/.test(text) && port <= 65_535) return port;
  throw invalid(`${quote(item)} has a port that is not a number from 1 to 65535`, where);
}

/** The eight groups of an IPv6 address that is known to be valid. */
function groupsOf(text: string): number[] {
  const [before = "", after] = withoutDots(text).split("::");
  const head = before.split(":").filter(Boolean);
  const tail = (after ?? "").split(":").filter(Boolean);
  const gap = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(gap).fill("0"), ...tail].map((group) => Number.parseInt(group, 16));
}

/** An IPv4 tail (`::ffff:10.0.0.1`) as two groups. */
function withoutDots(text: string): string {
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_whole, a, b, c, d) => {
    return `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
  });
}

function formatAddress(value: bigint, family: Family): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return shortest(groups);
}

/** The longest run of two or more zero groups becomes `::`, the first one of several (RFC 5952, section 4.2). */
function shortest(groups: readonly string[]): string {
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length === 1) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}

function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text);
}

function invalid(why: string, where: string): SealerError {
  return new SealerError("HOST_LIST_INVALID", `${where}: ${why}`, {
    where,
    hint: "Write addresses, ranges and ports like 10.0.0.1,10.0.0.3-10.0.0.5,10.0.0.9:2222,[fd00::1]:22.",
  });
}
