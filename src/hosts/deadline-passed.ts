import { SealerError } from "#errors";
import { commandText } from "./command-text.ts";

/** The error for a program that took longer than it was given. */
export function deadlinePassed(
  address: string,
  argv: readonly string[],
  milliseconds: number,
  secrets: readonly string[],
): SealerError {
  const seconds = Math.round(milliseconds / 100) / 10;
  return new SealerError(
    "HOST_COMMAND_FAILED",
    `${address}: "${commandText(argv, secrets)}" was given up after ${seconds} seconds`,
    { where: address, hint: "It may still be running there." },
  );
}
