/**
 * Programs at a time on one connection. sshd allows ten (MaxSessions); where it allows fewer, that shows only when it
 * refuses one, and the gate is narrowed to what ran then.
 */
export class SessionGate {
  #limit = 10;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** Waits for a place. The function returned gives it back; calling it again does nothing. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    while (this.#running >= this.#limit) await this.#change(signal);
    signal?.throwIfAborted();
    this.#running++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#running--;
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /** The host refused one program more. Waits until another has ended; false when there is no other. */
  async narrow(signal?: AbortSignal): Promise<boolean> {
    if (this.#running <= 1) return false;
    this.#limit = Math.max(1, Math.min(this.#limit, this.#running - 1));
    await this.#change(signal);
    return true;
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
