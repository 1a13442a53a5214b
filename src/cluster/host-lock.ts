import { setTimeout as sleep } from "node:timers/promises";
import { SealerError } from "#errors";
import type { Host } from "#hosts";
import { runScript } from "#hosts";

/** Who holds a lock: for the message to the second one. */
export interface LockHolderNote {
  readonly cluster: string;
  readonly who: string;
  readonly where: string;
  readonly since: string;
  readonly doing: string;
}

/**
 * Takes the lock on a host, which belongs to one cluster at a time. It is held by a program there whose input is our
 * connection: it dies with us, and 30 seconds (by the host's own clock) after the last sign of life of ours where the
 * connection only went silent. When a connection has broken meanwhile the lock is taken again.
 * @param onLost is told where somebody else was quicker then
 * @throws CLUSTER_LOCKED
 */
export async function lockHost(
  host: Host,
  note: LockHolderNote,
  { signal, onLost }: { readonly signal?: AbortSignal | undefined; onLost(error: unknown): void },
): Promise<AsyncDisposable> {
  const first = await take(host, note, signal);
  if ("by" in first) throw lockedBy(host.address, note.cluster, first.by);
  const over = new AbortController();
  const stop = AbortSignal.any([over.signal, signal].filter((one) => one !== undefined));
  let holding = first;
  let released = false;
  const keeping = (async () => {
    for (;;) {
      await holding.ended;
      if (released || stop.aborted) return;
      holding = await takeAgain(host, note, stop);
    }
  })().catch((error: unknown) => stop.aborted || onLost(error));
  return {
    async [Symbol.asyncDispose]() {
      released = true;
      await holding.release();
      over.abort();
      await keeping;
    },
  };
}

/** A program that holds the lock. */
interface Holding {
  /** Resolves when it no longer does. */
  readonly ended: Promise<void>;
  release(): Promise<void>;
}

async function take(
  host: Host,
  note: LockHolderNote,
  signal: AbortSignal | undefined,
): Promise<Holding | { readonly by: Partial<LockHolderNote> }> {
  const over = new AbortController();
  const answer = Promise.withResolvers<string>();
  const running = runScript(host, script, {
    name: "hold the cluster's lock",
    args: [JSON.stringify(note)],
    stdin: signsOfLife(over.signal),
    signal,
    onLine: (line) => answer.resolve(line),
  });
  const ended = running
    .then(
      ({ exitCode, stderr }) => answer.reject(lockFailed(host, exitCode, stderr)),
      (error) => answer.reject(error),
    )
    .finally(() => over.abort());
  const release = async () => {
    over.abort();
    await ended;
  };
  const line = await answer.promise;
  if (line === "locked") return { ended, release };
  await release();
  return { by: readNote(line) };
}

/** Our own program may hold it still, until it has noticed that we are gone; a host that is gone comes back, or not. */
async function takeAgain(host: Host, note: LockHolderNote, signal: AbortSignal): Promise<Holding> {
  for (;;) {
    try {
      const taken = await take(host, note, signal);
      if (!("by" in taken)) return taken;
      if (JSON.stringify(taken.by) !== JSON.stringify(note)) {
        throw lockedBy(host.address, note.cluster, taken.by);
      }
    } catch (error) {
      if (!(error instanceof SealerError) || error.code === "CLUSTER_LOCKED") throw error;
    }
    await sleep(1000, undefined, { signal });
  }
}

/** The error that the second of two runs is given. */
export function lockedBy(where: string, cluster: string, note: Partial<LockHolderNote>): SealerError {
  const by = note.who ? `${note.who} on ${note.where}` : "another run";
  const since = note.since ? ` since ${note.since}` : "";
  return new SealerError(
    "CLUSTER_LOCKED",
    `the cluster ${note.cluster ?? cluster} is being changed by ${by}${since}${note.doing ? ` (${note.doing})` : ""}`,
    { where, hint: "Wait until it has ended. Its lock ends with it, however it ends." },
  );
}

async function* signsOfLife(over: AbortSignal): AsyncGenerator<string> {
  while (!over.aborted) {
    yield "\n";
    await sleep(5000, undefined, { signal: over }).catch(() => {});
  }
}

function lockFailed(host: Host, exitCode: number, stderr: string): SealerError {
  return new SealerError(
    "HOST_COMMAND_FAILED",
    `${host.address}: the cluster's lock cannot be taken (exit code ${exitCode}): ${stderr.trim().split("\n").at(-1)}`,
    { where: host.address, hint: "The host needs flock (util-linux) and a writable /run." },
  );
}

function readNote(line: string): Partial<LockHolderNote> {
  try {
    return JSON.parse(line.replace(/^held /, "")) as Partial<LockHolderNote>;
  } catch {
    return {};
  }
}

/** In /run, so that a host which starts anew has no lock, and one that is only looked at keeps no trace. */
const script = `
set -u
umask 077
mkdir -p /run/sealer || exit 73
lock=/run/sealer/host.lock
while :; do
  exec 9<>"$lock" || exit 73
  flock -n 9
  case $? in
    0) [ ! "$lock" -ef /proc/self/fd/9 ] || break ;;
    1) IFS= read -r held <&9; echo "held \${held:-}"; exit 0 ;;
    *) exit 73 ;;
  esac
done
printf '%s\\n' "$1" > "$lock"
echo locked
while IFS= read -r -t 30 _; do :; done
rm -f -- "$lock"
rmdir /run/sealer 2>/dev/null
exit 0
`;
