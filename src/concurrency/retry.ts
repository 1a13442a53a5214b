import { setTimeout as sleep } from "node:timers/promises";

export interface RetryOptions {
  /** Attempts in all, the first one too. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled each time up to `longestDelay`, with jitter. */
  readonly delay: number;
  readonly longestDelay?: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether another attempt could help; a number is the delay that the other side asks for, in milliseconds. */
  worthRetrying(error: unknown): boolean | number;
}

/** Repeats `work` until it succeeds, may not be repeated, or has failed `attempts` times: then the last error is thrown. */
export async function retry<Result>(
  work: (attempt: number) => Promise<Result>,
  { attempts, delay, longestDelay = 30_000, signal, worthRetrying }: RetryOptions,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || signal?.aborted) throw error;
      const again = worthRetrying(error);
      if (again === false) throw error;
      const backOff = Math.min(longestDelay, delay * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
      await sleep(typeof again === "number" ? again : backOff, undefined, { signal, ref: true });
    }
  }
}
