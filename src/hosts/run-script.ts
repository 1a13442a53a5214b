import type { CommandResult, Host, RunOptions } from "./host.ts";

export interface ScriptOptions extends RunOptions {
  /** The script's arguments, `$1` and on. */
  readonly args?: readonly string[] | undefined;
  /** The script's `$0`, for its messages; `script` by default. */
  readonly name?: string | undefined;
}

/**
 * Runs a bash script that travels over standard input: never in an argument list, never in a file. It runs only once
 * all of it has arrived. What it starts finds an empty standard input, or `stdin` where that is given.
 */
export function runScript(host: Host, script: string, options: ScriptOptions = {}): Promise<CommandResult> {
  if (script.includes("\0")) throw new Error("a script cannot contain a NUL byte");
  const { args = [], name = "script", stdin, ...rest } = options;
  const argv = [
    "bash",
    "-c",
    stdin === undefined ? `${loader}; exec </dev/null; ${evaluator}` : `${loader}; ${evaluator}`,
    name,
  ];
  return host.run([...argv, ...args], { ...rest, stdin: scriptThen(script, stdin) });
}

const loader = 'IFS= read -r -d "" _script || { echo "$0: the script broke off on its way" >&2; exit 125; }';
const evaluator = 'eval "unset -v _script; $_script"';

/** The script in a run that runScript made, for fakes and logs: its name, arguments, text, and the input after it. */
export function scriptIn(argv: readonly string[], stdin: string): SentScript | undefined {
  const [, , code, name = "", ...args] = argv;
  if (!code?.startsWith(loader)) return undefined;
  const end = stdin.indexOf("\0");
  return { name, args, script: stdin.slice(0, end), stdin: stdin.slice(end + 1) };
}

export interface SentScript {
  readonly name: string;
  readonly args: readonly string[];
  readonly script: string;
  readonly stdin: string;
}

function scriptThen(script: string, stdin: RunOptions["stdin"]): RunOptions["stdin"] {
  if (stdin === undefined) return `${script}\0`;
  return (async function* () {
    yield `${script}\0`;
    if (typeof stdin === "string" || stdin instanceof Uint8Array) yield stdin;
    else yield* stdin;
  })();
}
