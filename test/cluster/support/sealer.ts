import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { ProgressEvent } from "#progress";

export const project = join(import.meta.dirname, "../../..");
export const cache = process.env.SEALER_CACHE ?? "/var/cache/sealer";

/** Where the tests keep their images and clusters, apart from the machine's own. */
export const folders = {
  SEALER_ROOT: join(cache, "test/root"),
  SEALER_HOME: join(cache, "test/home"),
  SEALER_CACHE: cache,
};

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `bin/sealer` as a user would, in a process of its own. */
export async function sealer(
  args: readonly string[],
  options: { readonly input?: string } = {},
): Promise<Outcome> {
  const child = start(args);
  child.stdin!.end(options.input ?? "");
  const [stdout, stderr] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "close"),
  ]);
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/** The same, but it must succeed; returns what it printed. */
export async function sealerDone(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await sealer(args);
  if (code !== 0) throw new Error(`sealer ${args.join(" ")} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}

export async function sealerJson<Result>(...args: readonly string[]): Promise<Result> {
  return JSON.parse(await sealerDone("--format", "json", ...args)) as Result;
}

/** Runs sealer until `when` is true of an event, and then ends it with SIGKILL; tells whether that came to pass. */
export async function sealerKilled(
  args: readonly string[],
  when: (event: ProgressEvent) => boolean,
  options: { readonly after?: number } = {},
): Promise<{ killed: boolean; stderr: string }> {
  let killed = false;
  const { stderr } = await sealerWatched(args, (event, child) => {
    if (killed || !when(event)) return;
    killed = true;
    setTimeout(() => child.kill("SIGKILL"), options.after ?? 0);
  });
  return { killed, stderr: stderr.split("\n").slice(-30).join("\n") };
}

/** Runs sealer and tells of each of its events as it comes. */
export async function sealerWatched(
  args: readonly string[],
  watch: (event: ProgressEvent, child: ChildProcess) => void,
): Promise<Outcome> {
  const child = start(["--progress", "json", ...args]);
  child.stdin!.end();
  const ended = once(child, "close");
  const printed = text(child.stdout!);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr! })) {
    lines.push(line);
    if (line.startsWith('{"type"')) watch(JSON.parse(line) as ProgressEvent, child);
  }
  const [stdout] = await Promise.all([printed, ended]);
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr: lines.join("\n") };
}

function start(args: readonly string[]): ChildProcess {
  return spawn(join(project, "bin/sealer"), args, {
    env: { ...process.env, ...folders, NODE_OPTIONS: "" },
    stdio: ["pipe", "pipe", "pipe"],
  });
}
