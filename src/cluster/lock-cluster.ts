import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { mapLimited } from "#concurrency";
import { acquireLock } from "#files";
import type { Host } from "#hosts";
import { type LockHolderNote, lockedBy, lockHost } from "./host-lock.ts";

/** Who runs, for those who come second. */
export interface Operator {
  readonly user: string;
  readonly machine: string;
  readonly pid: number;
}

/**
 * The lock on this machine. It lies outside of the cluster's folder, which a delete removes.
 * @throws CLUSTER_LOCKED
 */
export async function lockHere(home: string, cluster: string, doing: string): Promise<AsyncDisposable> {
  const folder = join(home, ".locks");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await acquireLock(join(folder, `${cluster}.lock`), { note: doing });
  if (!lock.held) return lock;
  const { pid, host, since, note } = lock.by;
  throw lockedBy(`${host || "this machine"}`, cluster, {
    cluster,
    who: pid > 0 ? `process ${pid}` : "another run",
    where: host || "this machine",
    since,
    doing: note,
  });
}

/** Removes the lock's file, by whoever holds it. Who has opened it meanwhile sees that, and begins anew. */
export async function forgetLock(home: string, cluster: string): Promise<void> {
  await rm(join(home, ".locks", `${cluster}.lock`), { force: true });
}

/** The locks on hosts. */
export interface HostLocks extends AsyncDisposable {
  /** Aborts when somebody else holds one of them, after a connection had broken. */
  readonly lost: AbortSignal;
}

/** Takes the locks on the hosts: the first one decides between two that come at the same time. @throws CLUSTER_LOCKED */
export async function lockHosts(
  hosts: readonly Host[],
  cluster: string,
  { user, machine, pid }: Operator,
  doing: string,
  signal?: AbortSignal,
): Promise<HostLocks> {
  const note: LockHolderNote = {
    cluster,
    who: `${user} (process ${pid})`,
    where: machine,
    since: new Date().toISOString(),
    doing,
  };
  const lost = new AbortController();
  const onLost = (error: unknown) => lost.abort(error);
  await using held = new AsyncDisposableStack();
  const take = async (host: Host) => void held.use(await lockHost(host, note, { signal, onLost }));
  const [first, ...others] = hosts;
  if (first) await take(first);
  await mapLimited(others, 30, take);
  const kept = held.move();
  return { lost: lost.signal, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Aborts with the signal, and when a lock was lost. */
export function unlessLost({ lost }: HostLocks, signal: AbortSignal | undefined): AbortSignal {
  return signal ? AbortSignal.any([signal, lost]) : lost;
}
