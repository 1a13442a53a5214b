/**
 * A copy of a parsed value whose maps have no prototype. What is shared in it (YAML's aliases) stays shared.
 * @throws ReferenceError for a value that holds itself
 */
export function plainValue(value: unknown, copies = new Map<object, unknown>()): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (copies.has(value)) {
    const copy = copies.get(value);
    if (copy === unfinished) throw new ReferenceError("a value holds itself");
    return copy;
  }
  copies.set(value, unfinished);
  const copy = Array.isArray(value)
    ? value.map((item) => plainValue(item, copies))
    : withoutPrototype(Object.entries(value).map(([key, item]) => [key, plainValue(item, copies)]));
  copies.set(value, copy);
  return copy;
}

const unfinished = Symbol("unfinished");

function withoutPrototype(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const map = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries) map[key] = value;
  return map;
}
