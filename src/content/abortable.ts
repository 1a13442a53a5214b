import type { Readable } from "node:stream";

/** The same stream, failing with the signal's reason as soon as it is aborted. */
export function abortable(bytes: Readable, signal: AbortSignal | undefined): Readable {
  if (!signal) return bytes;
  const stop = () => bytes.destroy(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  bytes.once("close", () => signal.removeEventListener("abort", stop));
  return bytes;
}
