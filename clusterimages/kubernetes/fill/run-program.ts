import { spawn } from "node:child_process";
import { SealerError } from "#errors";

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program to its end and returns what it printed.
 *
 * @throws RUN_FAILED with the program's last lines
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env, signal }: ProgramOptions = {},
): Promise<string> {
  const child = spawn(program, args, { cwd, env, signal, stdio: ["ignore", "pipe", "pipe"] });
  const output: string[] = [];
  const lastLines: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.push(text);
    keepLast(lastLines, text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => keepLast(lastLines, text));
  const ending = await new Promise<string | undefined>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve("no such program");
      else reject(error);
    });
    child.on("close", (code, killer) => resolve(code === 0 ? undefined : `ended with ${code ?? killer}`));
  });
  if (ending === undefined) return output.join("");
  const words = [program, ...args].join(" ");
  const command = words.length > 200 ? `${words.slice(0, 200)} …` : words;
  throw new SealerError("RUN_FAILED", `${command}: ${ending}\n${lastLines.join("").trim()}`);
}

function keepLast(lines: string[], text: string): void {
  lines.push(text);
  while (lines.length > 20) lines.shift();
}
