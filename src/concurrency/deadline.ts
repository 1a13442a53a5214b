/** A signal that aborts after `milliseconds`, or earlier with `signal`. The reason is then a TimeoutError. */
export function deadline(milliseconds: number, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(milliseconds);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
