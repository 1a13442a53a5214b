import type { Readable } from "node:stream";

/** The same stream, failing with the signal's reason as soon as it is aborted. */
export function abortable(bytes: Readable, signal: AbortSignal | undefined): Readable {
  if (!signal) return bytes;
  bytes.on("error", () => {}); // it may come before anybody reads; whoever reads then is told
  const stop = () => bytes.destroy(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  bytes.once("close", () => signal.removeEventListener("abort", stop));
  return bytes;
}
