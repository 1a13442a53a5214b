import { SealerError } from "#errors";
import type { Host } from "#hosts";
import { runScript } from "#hosts";

/** Who holds a lock: for the message to the second one. */
export interface LockHolderNote {
  readonly who: string;
  readonly where: string;
  readonly since: string;
  readonly doing: string;
}

/**
 * Takes the cluster's lock on a host. It is held by a program there whose input is our connection: it dies with us, and
 * 30 seconds (by the host's own clock) after the last sign of life of ours where the connection only went silent.
 * @throws CLUSTER_LOCKED
 */
export async function lockHost(
  host: Host,
  cluster: string,
  note: LockHolderNote,
  signal?: AbortSignal,
): Promise<AsyncDisposable> {
  const over = new AbortController();
  const answer = Promise.withResolvers<string>();
  const ended = runScript(host, script, {
    name: "hold the cluster's lock",
    args: [cluster, JSON.stringify(note)],
    stdin: signsOfLife(over.signal),
    signal,
    onLine: (line) => answer.resolve(line),
  });
  ended.then(
    ({ exitCode, stderr }) => answer.reject(lockFailed(host, exitCode, stderr)),
    (error) => answer.reject(error),
  );
  const line = await answer.promise;
  const release = async () => {
    over.abort();
    await ended.catch(() => {});
  };
  if (line === "locked") return { [Symbol.asyncDispose]: release };
  await release();
  throw lockedBy(host.address, cluster, readNote(line));
}

/** The error that the second of two runs is given. */
export function lockedBy(where: string, cluster: string, note: Partial<LockHolderNote>): SealerError {
  const by = note.who ? `${note.who} on ${note.where}` : "another run";
  const since = note.since ? ` since ${note.since}` : "";
  return new SealerError(
    "CLUSTER_LOCKED",
    `the cluster ${cluster} is being changed by ${by}${since}${note.doing ? ` (${note.doing})` : ""}`,
    { where, hint: "Wait until it has ended. Its lock ends with it, however it ends." },
  );
}

async function* signsOfLife(over: AbortSignal): AsyncGenerator<string> {
  while (!over.aborted) {
    yield "\n";
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 5000);
      over.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
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
lock=/run/sealer/$1.lock
while :; do
  exec 9<>"$lock" || exit 73
  flock -n 9
  case $? in
    0) [ ! "$lock" -ef /proc/self/fd/9 ] || break ;;
    1) IFS= read -r held <&9; echo "held \${held:-}"; exit 0 ;;
    *) exit 73 ;;
  esac
done
printf '%s\\n' "$2" > "$lock"
echo locked
while IFS= read -r -t 30 _; do :; done
rm -f -- "$lock"
rmdir /run/sealer 2>/dev/null
exit 0
`;
