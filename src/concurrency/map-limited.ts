/**
 * Runs `work` on every item, at most `limit` at a time, and returns the results in the items' order. The first failure
 * aborts the signal that the others were given, waits for them to end, and is thrown.
 */
export async function mapLimited<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Result[]> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const queue = [...items].entries();
  const results: Result[] = [];
  const failures: unknown[] = [];
  const lane = async () => {
    for (const [position, item] of queue) {
      if (signal.aborted) return;
      try {
        results[position] = await work(item, signal);
      } catch (error) {
        failures.push(error);
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, lane));
  if (failures.length > 0) throw failures[0];
  options.signal?.throwIfAborted();
  return results;
}
