import { constants } from "node:os";

/** The number of a signal such as "SIGKILL"; 0 for one that this system does not know. */
export function signalNumber(name: string | null | undefined): number {
  return (constants.signals as Record<string, number>)[name ?? ""] ?? 0;
}
