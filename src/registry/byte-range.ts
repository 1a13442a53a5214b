export interface ByteRange {
  readonly start: number;
  /** The last byte, itself included. */
  readonly end: number;
}

/**
 * Reads a Range header for content of `size` bytes (RFC 9110, section 14). One range is served; several at once, and
 * everything malformed, is answered like a range that the content does not have.
 */
export function parseRange(header: string, size: number): ByteRange | "unsatisfiable" {
  const [, first = "", last = ""] = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header) ?? [];
  if (first === "" && last === "") return "unsatisfiable";
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end && start < size ? { start, end } : "unsatisfiable";
}

/** Reads the Content-Range of a chunk as the distribution specification has it: `0-1023`, without a unit. */
export function parseChunkRange(header: string): ByteRange | undefined {
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim());
  if (!match) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2])];
  return start <= end && Number.isSafeInteger(end) ? { start, end } : undefined;
}
