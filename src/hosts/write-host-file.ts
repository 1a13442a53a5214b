import type { Host, WriteOptions } from "./host.ts";

/** Replaces a file on a host in one step: see Host.writeFile. */
export function writeHostFile(
  host: Host,
  path: string,
  content: Uint8Array | string,
  options: WriteOptions = {},
): Promise<void> {
  return host.writeFile(path, content, options);
}
