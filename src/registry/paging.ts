import { RegistryError } from "./registry-error.ts";

export interface Page {
  readonly items: readonly string[];
  /** Query of the next page, for a Link header. */
  readonly next: string | undefined;
}

/**
 * The part of a list, sorted by bytes, that `?n=` and `?last=` ask for. Larger pages than `most` are cut to it.
 * @throws RegistryError UNSUPPORTED for an `n` that is no number
 */
export function pageOf(sorted: readonly string[], query: URLSearchParams, most: number): Page {
  const limit = Math.min(numberOf(query.get("n")) ?? most, most);
  const last = query.get("last");
  const rest = last ? sorted.filter((item) => compare(item, last) > 0) : sorted;
  const items = rest.slice(0, limit);
  const more = limit > 0 && rest.length > limit;
  if (!more) return { items, next: undefined };
  const next = new URLSearchParams({ n: String(limit), last: items.at(-1)! });
  return { items, next: next.toString() };
}

function numberOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RegistryError("UNSUPPORTED", `n is a number from 0 on, not "${text.slice(0, 50)}"`, {
    status: 400,
  });
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
