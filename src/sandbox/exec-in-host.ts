import { spawn } from "node:child_process";
import { SealerError } from "#errors";
import { hostProcess } from "./host-process.ts";
import { hostPaths } from "./layout.ts";
import { programPath } from "./program-path.ts";
import type { Sandbox } from "./sandbox.ts";

/**
 * Runs a program on a host by entering its namespaces, without SSH. The program gets root's usual environment and no
 * other. `attached`: our own standard streams are its; otherwise its output is collected.
 * @throws SANDBOX_FAILED where the host is off or unknown; never for an exit code
 */
export async function execInHost(
  sandbox: Pick<Sandbox, "name" | "folder">,
  host: string,
  argv: readonly string[],
  options: {
    readonly attached?: boolean;
    readonly input?: string;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const init = hostProcess(hostPaths(sandbox.folder, host).init);
  if (!init) {
    throw new SealerError("SANDBOX_FAILED", `sandbox "${sandbox.name}" has no host "${host}" that is on`, {
      hint: "sealer sandbox list",
    });
  }
  const shell = ["sh", "-c", 'cd /root && exec "$@"', "sh", ...argv];
  const child = spawn("nsenter", ["--target", String(init.pid), "--all", "--", ...shell], {
    stdio: options.attached ? "inherit" : "pipe",
    env: {
      PATH: programPath,
      HOME: "/root",
      TERM: "linux",
    },
    signal: options.signal,
    killSignal: "SIGKILL",
  });
  const collected = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      collected[name] += text;
    });
  }
  child.stdin?.on("error", () => {}).end(options.input ?? "");
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(options.signal?.aborted ? options.signal.reason : error));
    child.once("close", (code) => resolve(code ?? 255));
  });
  return { exitCode, ...collected };
}
