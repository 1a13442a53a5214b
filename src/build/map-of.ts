/** A map without a prototype, so that a key such as `__proto__` is a key like any other. Later pairs win. */
export function mapOf(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  const map = Object.create(null) as Record<string, string>;
  for (const [name, value] of pairs) map[name] = value;
  return map;
}
