import type { Readable, Writable } from "node:stream";
import type { Dial } from "#hosts";
import type { Progress } from "#progress";

/** What `main.ts` hands a command: every outside thing that it may touch. */
export interface Context {
  /** Images and cluster data: `--root`, `SEALER_ROOT`, `/var/lib/sealer`. */
  readonly root: string;
  /** What sealer knows of clusters: `--home`, `SEALER_HOME`, `~/.sealer`. */
  readonly home: string;
  /** What may be kept outside of both, because it can be made again: `SEALER_CACHE`, `/var/cache/sealer`. */
  readonly cache: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly format: "text" | "json";
  readonly progress: Progress;
  /** How hosts are reached, those of sandboxes too. */
  readonly dial: Dial;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** For what programs that the command runs say on theirs. */
  readonly stderr: Writable;
  /** The command's result: JSON of `value` with `--format json`, otherwise the text. */
  result(value: unknown, text: () => string): void;
  /** Asks on the terminal. @throws USAGE where there is none */
  ask(question: string, options?: { readonly hidden?: boolean }): Promise<string>;
}
