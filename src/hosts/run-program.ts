import { once } from "node:events";
import { addAbortSignal, Readable, type Writable } from "node:stream";
import type { RunOptions } from "./host.ts";
import type { ProgramEnd, RunningProgram } from "./launcher.ts";
import { LineSplitter } from "./line-splitter.ts";
import { messageText } from "./message-text.ts";
import { OutputTail } from "./output-tail.ts";

export interface ProgramOutcome extends ProgramEnd {
  readonly stdout: OutputTail;
  readonly stderr: OutputTail;
}

/** Feeds a program that has started, gathers what it says and waits for its end. */
export async function runProgram(
  program: RunningProgram,
  { stdin, onLine, secrets = [], signal }: Pick<RunOptions, "stdin" | "onLine" | "secrets" | "signal">,
  outputLimit: number,
): Promise<ProgramOutcome> {
  const stdout = new OutputTail(outputLimit);
  const stderr = new OutputTail(outputLimit);
  const lines = (["stdout", "stderr"] as const).map((name) => {
    const splitter = onLine && new LineSplitter((line) => onLine(messageText(line, secrets), name));
    const tail = name === "stdout" ? stdout : stderr;
    program[name].on("data", (chunk: Uint8Array) => {
      tail.add(chunk);
      splitter?.add(chunk);
    });
    return splitter;
  });
  const end = await withFeeding(program, stdin ?? "", signal);
  for (const splitter of lines) splitter?.end();
  return { ...end, stdout, stderr };
}

/** A program may end before it has read everything: that is its affair, told by its exit code. */
async function withFeeding(
  program: RunningProgram,
  stdin: NonNullable<RunOptions["stdin"]>,
  signal: AbortSignal | undefined,
): Promise<ProgramEnd> {
  const over = new AbortController();
  const stopped = Promise.withResolvers<never>();
  const stop = (reason: unknown) => {
    program.stop();
    over.abort();
    stopped.reject(reason);
  };
  const onAbort = () => stop(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const feeding = feed(program.stdin, stdin, over.signal).catch(stop);
  try {
    return await Promise.race([program.ended, stopped.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    over.abort();
    // A source that waits for something is not waited for; it is told to stop and its failure is no longer news.
    stopped.promise.catch(() => {});
    program.ended.catch(() => {});
    void feeding;
  }
}

async function feed(
  target: Writable,
  content: NonNullable<RunOptions["stdin"]>,
  over: AbortSignal,
): Promise<void> {
  target.on("error", () => {});
  if (typeof content === "string" || content instanceof Uint8Array) {
    target.end(content);
    return;
  }
  if (content instanceof Readable) addAbortSignal(over, content);
  for await (const chunk of content) {
    for (const piece of pieces(chunk)) {
      if (over.aborted || !target.writable) return;
      if (!target.write(piece)) await drained(target, over);
    }
    if (over.aborted) return;
  }
  target.end();
}

/** Pieces of 256 KiB go through an SSH channel faster than larger ones. */
function* pieces(chunk: Uint8Array | string): Generator<Uint8Array> {
  const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  for (let start = 0; start < bytes.length; start += pieceSize)
    yield bytes.subarray(start, start + pieceSize);
}

const pieceSize = 256 * 1024;

async function drained(target: Writable, over: AbortSignal): Promise<void> {
  try {
    await once(target, "drain", { signal: over });
  } catch {
    // The program has ended, or its input is closed: `ended` tells.
  }
}
