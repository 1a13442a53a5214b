import type { Progress } from "#progress";
import type { Journal } from "./journal.ts";

/** What `execute` needs to know of a step. */
interface Executable {
  readonly id: string;
  readonly title: string;
  readonly host: string;
  readonly needs: readonly string[];
  readonly bytes: number;
}

export interface StepFailure<S> {
  readonly step: S;
  readonly error: unknown;
}

export interface Execution<S> {
  readonly done: readonly S[];
  readonly failed: readonly StepFailure<S>[];
  /** Not begun, because something that they need has failed. */
  readonly blocked: readonly S[];
}

export interface ExecuteOptions<S> {
  readonly journal: Journal;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** How many steps run at once. */
  readonly limit: number;
  /** A narrower limit for steps that share something scarce, such as the line that uploads go over. */
  limitOf?(step: S): { readonly name: string; readonly limit: number } | undefined;
}

/**
 * Does the steps, each as soon as those that it needs are done. A failure keeps only those from beginning that need it.
 * @throws `signal.reason` when it aborts: nothing more is begun then, and what runs is waited for
 */
export async function execute<S extends Executable>(
  steps: readonly S[],
  work: (step: S, signal: AbortSignal | undefined) => Promise<void>,
  options: ExecuteOptions<S>,
): Promise<Execution<S>> {
  const { journal, progress, signal } = options;
  const known = new Set(steps.map(({ id }) => id));
  const waiting = new Set(steps);
  const running = new Map<S, Promise<void>>();
  const done = new Map<string, S>();
  const failed: StepFailure<S>[] = [];

  const attempt = async (step: S) => {
    const { id, title, host, bytes } = step;
    progress({ type: "task-started", id, title, host, ...(bytes > 0 ? { bytes } : {}) });
    try {
      await journal.append({ event: "step-started", step: id });
      await work(step, signal);
      await journal.append({ event: "step-done", step: id });
      done.set(id, step);
      progress({ type: "task-finished", id, outcome: "done" });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failed.push({ step, error });
      progress({ type: "task-failed", id, message });
      await journal.append({ event: "step-failed", step: id, message: message.slice(0, 2000) });
    }
  };

  for (;;) {
    for (const step of waiting) {
      if (signal?.aborted || running.size >= options.limit) break;
      if (!step.needs.every((need) => done.has(need) || !known.has(need))) continue;
      const narrow = options.limitOf?.(step);
      const sharing = [...running.keys()].filter((other) => options.limitOf?.(other)?.name === narrow?.name);
      if (narrow && sharing.length >= narrow.limit) continue;
      waiting.delete(step);
      running.set(
        step,
        attempt(step).finally(() => running.delete(step)),
      );
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  signal?.throwIfAborted();
  return { done: [...done.values()], failed, blocked: [...waiting] };
}
