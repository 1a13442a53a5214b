import { spawn } from "node:child_process";
import { SealerError } from "#errors";
import { programPath } from "./program-path.ts";

/**
 * Runs a program of this machine to its end and returns its standard output.
 * @throws SANDBOX_FAILED with its last lines when it fails or is not there
 */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: {
    readonly input?: string;
    readonly signal?: AbortSignal | undefined;
    readonly onLine?: (line: string) => void;
    readonly hint?: string;
  } = {},
): Promise<string> {
  options.signal?.throwIfAborted();
  const settings = ["LC_ALL=C", `PATH=${programPath}`];
  // In a group of its own, so that an abort takes what it started along.
  const child = spawn("/usr/bin/env", [...settings, ...argv], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const abort = () => child.pid && killGroup(child.pid);
  options.signal?.addEventListener("abort", abort, { once: true });
  let stdout = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
    for (const line of text.split("\n")) if (line) options.onLine?.(line);
  });
  child.stdin.on("error", () => {}); // a program that does not read its input says so by its exit code
  child.stdin.end(options.input ?? "");
  try {
    const exitCode = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, killedBy) => resolve(code ?? `by ${killedBy}`));
    });
    options.signal?.throwIfAborted();
    if (exitCode === 0) return stdout;
    if (exitCode === 127) throw failed(argv, "is not installed on this machine", options.hint);
    throw failed(argv, `exited ${exitCode}: ${lastLines(said || stdout)}`, options.hint);
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}

function failed(argv: readonly string[], why: string, hint?: string): SealerError {
  return new SealerError("SANDBOX_FAILED", `"${argv.slice(0, 4).join(" ")}" ${why}`, { hint });
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // it has ended already
  }
}

const lastLines = (text: string) => text.trim().split("\n").slice(-5).join("\n");
