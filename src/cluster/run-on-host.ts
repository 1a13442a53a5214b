import { SealerError } from "#errors";
import { type Host, HostCommandError, runScript } from "#hosts";
import type { Progress } from "#progress";
import { hostPaths } from "./host-paths.ts";
import type { StepFrame } from "./step.ts";

export interface HostScript {
  /** Bash, run by root with `-euo pipefail` and an empty input. It must be safe to repeat. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  /** Whether it is left to end by itself when the run is interrupted: to do half of it would be worse. */
  readonly indivisible?: boolean;
}

export interface RunOnHostOptions {
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which it is not waited for any longer. */
  readonly deadline?: number | undefined;
}

/**
 * Does a step by a script on its host, which leaves the receipt there itself at its end. So the step is done as a whole
 * even if this process ends meanwhile: the next run waits for it, and then sees that it is done.
 * @throws HostCommandError with the script's last lines, HOST_COMMAND_FAILED when the deadline passes
 */
export async function runOnHost(
  host: Host,
  cluster: string,
  step: StepFrame,
  { script, args = [], env = {}, secrets, indivisible = false }: HostScript,
  { progress, signal, deadline = 3_600_000 }: RunOnHostOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const name = nameOf(step);
  const late = AbortSignal.timeout(deadline);
  const stop = AbortSignal.any([late, signal].filter((one) => one !== undefined));
  let last = "";
  const running = runScript(host, `${frame}\nstep() {\n${script}\n}\n${main}`, {
    name,
    args: [hostPaths(cluster).data, step.id, step.inputs, step.seen, ...args],
    env: { ...env, LC_ALL: "C" },
    secrets,
    signal: indivisible ? undefined : stop,
    onLine(line) {
      if (!late.aborted) last = line;
      progress({ type: "output", line, host: step.host, task: step.id });
    },
  });
  const result = await (indivisible ? unlessAborted(running, stop) : running).catch((error: unknown) => {
    throw error === late.reason ? tooLate(step, deadline, last) : error;
  });
  if (result.exitCode !== 0) throw new HostCommandError(step.host, [name], result, secrets);
}

/**
 * Waits for what an earlier run has begun of a step, and tells whether that has done it: before anything that a second
 * attempt would do from here.
 */
export async function endedMeanwhile(
  host: Host,
  cluster: string,
  step: StepFrame,
  { progress, signal }: RunOnHostOptions,
): Promise<boolean> {
  const { exitCode } = await runScript(host, `${frame}${wait}`, {
    name: nameOf(step),
    args: [hostPaths(cluster).data, step.id, step.inputs, step.seen],
    signal,
    onLine: (line) => progress({ type: "output", line, host: step.host, task: step.id }),
  });
  return exitCode === 0;
}

function nameOf({ id }: StepFrame): string {
  return id.replace(/@.*/, "");
}

function tooLate({ host }: StepFrame, deadline: number, last: string): SealerError {
  const said = last === "" ? "it said nothing" : `it said last: ${last}`;
  return new SealerError(
    "HOST_COMMAND_FAILED",
    `${host}: it has not ended within ${Math.round(deadline / 60_000)} minutes; ${said}`,
    { where: host },
  );
}

async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  work.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/*
 * The lock is the log's: whoever holds it is doing this step. The step's own processes do not inherit it, so that a
 * daemon which one of them starts does not hold it for ever. Output goes through a tee that survives us.
 */
const frame = `
set -uo pipefail
trap : TERM HUP INT PIPE
data=$1 id=$2 inputs=$3 seen=$4; shift 4
receipt=$data/receipts/$id
begun=$data/receipts/.$id.begun
log=$data/log/$id.log
umask 077
mkdir -p -- "$data/receipts" "$data/log" || exit 73
exec 9>>"$log" || exit 73
if ! flock -n 9; then
  echo "waiting for what an earlier run has begun here"
  flock -w 7200 9 || { echo "it did not end within two hours" >&2; exit 75; }
fi
done_meanwhile() {
  local now; now=$(cat -- "$receipt" 2>/dev/null)
  [ -n "$now" ] && [ "$now" != "$seen" ] || return 1
  case $now in *"\\"inputs\\":\\"$inputs\\""*) return 0;; *) return 1;; esac
}
`;

const wait = "done_meanwhile";

const main = `
if [ -e "$data/deleted" ] && [ "\${id%@*}" != clean-host ]; then
  echo "the cluster is being deleted here: finish that first, with sealer delete" >&2; exit 74
fi
if done_meanwhile; then echo "an earlier run has done it"; exit 0; fi
export SEALER_BEGUN_BEFORE=; [ ! -e "$begun" ] || SEALER_BEGUN_BEFORE=1
: > "$begun" || exit 73
printf '== %s\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >&9
( umask 022; set -euo pipefail; step "$@" ) 2>&1 </dev/null 9>&- | ( trap '' PIPE; exec tee -a -- "$log" ) 9>&-
status=\${PIPESTATUS[0]}
[ "$status" = 0 ] || exit "$status"
new=$data/receipts/.$id.new
printf '{"id":"%s","inputs":"%s","outcome":"done","at":"%s","attempt":"%s"}\\n' "$id" "$inputs" \\
  "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$$-$RANDOM$RANDOM" > "$new" && sync -- "$new" && mv -f -- "$new" "$receipt" || exit 73
rm -f -- "$begun"
`;
