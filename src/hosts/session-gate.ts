import { setTimeout as sleep } from "node:timers/promises";

/**
 * Programs at a time on one connection. sshd allows ten (MaxSessions), and takes a moment to see that one has ended; where
 * it allows fewer, that shows only when it refuses one, and the gate is narrowed to what ran then.
 */
export class SessionGate {
  #limit = 8;
  /** Those inside: started, about to be, or refused and waiting to be tried again. */
  #inside = 0;
  #refused = 0;
  readonly #waiting: (() => void)[] = [];

  /** Waits for a place. The function returned gives it back; calling it again does nothing. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    while (this.#inside >= this.#limit) await this.#change(signal);
    signal?.throwIfAborted();
    this.#inside++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#inside--;
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /**
   * The host refused one program more: waits until it may be tried again.
   * @returns whether others were running, so that the refusal explains itself
   */
  async refused(signal?: AbortSignal): Promise<boolean> {
    this.#refused++;
    try {
      const running = this.#inside - this.#refused;
      this.#limit = Math.max(1, Math.min(this.#limit, running));
      // With nobody left to wait for, the host has only not seen yet that the others have ended.
      if (running > 0) await this.#change(signal);
      else await sleep(100, undefined, signal ? { signal } : {});
      return running > 0;
    } finally {
      this.#refused--;
    }
  }

  #change(signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    this.#waiting.push(resolve);
    return promise.finally(() => signal?.removeEventListener("abort", abort));
  }
}
