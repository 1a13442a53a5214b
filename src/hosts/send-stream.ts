import type { Progress } from "#progress";
import { diskFull, saysDiskFull } from "./disk-full.ts";
import type { Host, RunOptions } from "./host.ts";
import { HostCommandError } from "./host-command-error.ts";

export interface SendOptions extends Omit<RunOptions, "stdin"> {
  readonly progress?: Progress | undefined;
  /** The progress task that the bytes belong to; `task-advanced` is told for it, at most ten times a second. */
  readonly task?: string | undefined;
  /** Where the bytes end up, for the message when the disk is full. */
  readonly path?: string | undefined;
}

/**
 * Sends bytes into the standard input of a program on the host, no faster than it takes them, and waits for its end.
 * When `bytes` fails, the program is stopped and that failure is thrown; because the far end may take it for the end
 * of the input, whoever needs all or nothing checks a digest or a size there.
 * @returns the bytes sent and what the program wrote to stdout
 * @throws HostCommandError, HOST_DISK_FULL
 */
export async function sendStream(
  host: Host,
  bytes: AsyncIterable<Uint8Array>,
  argv: readonly string[],
  { progress, task, path, ...options }: SendOptions = {},
): Promise<{ readonly bytes: number; readonly stdout: string }> {
  let sent = 0;
  let told = 0;
  const tell = () => {
    told = performance.now();
    if (task !== undefined) progress?.({ type: "task-advanced", id: task, bytes: sent });
  };
  const counted = async function* () {
    for await (const chunk of bytes) {
      yield chunk;
      sent += chunk.length;
      if (performance.now() - told >= 100) tell();
    }
  };
  const result = await host.run(argv, { env: { LC_ALL: "C" }, ...options, stdin: counted() });
  tell();
  if (result.exitCode === 0) return { bytes: sent, stdout: result.stdout };
  if (saysDiskFull(result.stderr)) throw await diskFull(host, path ?? "/", undefined, result);
  throw new HostCommandError(host.address, argv, result, options.secrets);
}
