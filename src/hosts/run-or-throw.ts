import type { Host, RunOptions } from "./host.ts";
import { HostCommandError } from "./host-command-error.ts";

/**
 * Runs a program and returns what it wrote to stdout.
 * @throws HostCommandError when it does not exit 0, with its last lines
 */
export async function runOrThrow(
  host: Host,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await host.run(argv, options);
  if (result.exitCode !== 0) throw new HostCommandError(host.address, argv, result, options.secrets);
  return result.stdout;
}
