import { SealerError } from "#errors";
import { commandText } from "./command-text.ts";
import type { CommandResult } from "./host.ts";
import { maskSecrets, messageText } from "./message-text.ts";

/** A program on a host that did not exit 0. What it said is masked, in the message and in `result`. */
export class HostCommandError extends SealerError {
  override readonly name = "HostCommandError";
  readonly address: string;
  readonly command: string;
  readonly result: CommandResult;

  constructor(
    address: string,
    argv: readonly string[],
    result: CommandResult,
    secrets: readonly string[] = [],
  ) {
    const command = commandText(argv, secrets);
    super("HOST_COMMAND_FAILED", `${address}: "${command}" ${ending(result)}${lastWords(result, secrets)}`, {
      where: address,
    });
    this.address = address;
    this.command = command;
    this.result = {
      ...result,
      stdout: maskSecrets(result.stdout, secrets),
      stderr: maskSecrets(result.stderr, secrets),
    };
  }
}

function ending({ exitCode, signal }: CommandResult): string {
  if (signal) return `was ended by ${signal}`;
  return exitCode === 127 ? "exited 127 (not found)" : `exited ${exitCode}`;
}

/** The last lines of what it said on stderr, or on stdout where stderr is empty. */
function lastWords({ stdout, stderr }: CommandResult, secrets: readonly string[]): string {
  const lines = [stderr, stdout]
    .map((text) =>
      messageText(text.slice(-16_384), secrets)
        .split("\n")
        .filter((line) => line.trim() !== ""),
    )
    .find((said) => said.length > 0);
  if (!lines) return "";
  const last = lines.slice(-5).map((line) => (line.length > 500 ? `${line.slice(0, 499)}…` : line));
  return last.length === 1 ? `: ${last[0]}` : `:\n  ${last.join("\n  ")}`;
}
