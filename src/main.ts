import { homedir } from "node:os";
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import {
  asUserError,
  type Context,
  commandHelp,
  errorReport,
  errorText,
  exitCodeOf,
  familyOf,
  findCommand,
  type MainOptions,
  overview,
  plainReporter,
  splitLeadingFlags,
  TerminalReporter,
  takeSharedFlags,
} from "#cli";
import { SealerError } from "#errors";
import type { Dial } from "#hosts";
import { noProgress, type Progress } from "#progress";
import { allCommands } from "./commands/all-commands.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  const told = asUserError(error, "the output");
  try {
    process.stderr.write(`${errorText(told, { debug: false })}\n`);
  } finally {
    process.exit(exitCodeOf(told));
  }
});
process.stderr.on("error", () => {});

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  if (argv.some((word) => /^-p|^--(passwd|password|pk-passwd)/.test(word))) process.title = "sealer";
  let options: MainOptions = takeSharedFlags([], {}).options;
  let reporter: { report: Progress; close(): void } = { report: noProgress, close() {} };
  try {
    const { leading, rest } = splitLeadingFlags(argv);
    const asked = wordsMeant(rest);
    if (asked.length === 0) refuseFlagsAlone(leading);
    const family = isHelp(asked.at(-1)) ? familyOf(asked[0]!, allCommands) : [];
    if (asked.length === 0 || isHelp(asked[0]) || (asked.length === 2 && family.length > 0)) {
      process.stdout.write(`${overview(family.length > 0 ? family : allCommands)}\n`);
      return 0;
    }
    const { entry, rest: words } = findCommand(asked, allCommands);
    const command = await entry.load();
    const taken = takeSharedFlags(words, command.flags, leading);
    options = taken.options;
    if (options.help) {
      process.stdout.write(`${commandHelp(command)}\n`);
      return 0;
    }
    reporter = chooseReporter(options);
    await command.run(taken.rest, contextFor(options, reporter.report));
    reporter.close();
    return 0;
  } catch (thrown) {
    reporter.close();
    const error = asUserError(thrown);
    const text =
      options.progress === "json"
        ? JSON.stringify(errorReport(error))
        : errorText(error, { debug: options.debug });
    process.stderr.write(`${text}\n`);
    return exitCodeOf(error);
  }
}

function cacheFolder(): string {
  return resolve(process.env.SEALER_CACHE ?? "/var/cache/sealer");
}

/** `help build` is `build --help`, and `--version` is `version`. */
function wordsMeant(words: readonly string[]): readonly string[] {
  const [first, ...others] = words;
  if (first === "help") return [...others, "--help"];
  if (first === "--version" || first === "-v") return ["version", ...others];
  return words;
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

function refuseFlagsAlone(leading: readonly string[]): void {
  if (leading.length === 0) return;
  takeSharedFlags([], {}, leading);
  throw new SealerError("USAGE", `there is no command after ${leading.join(" ")}`, {
    hint: "sealer --help lists the commands.",
  });
}

function contextFor(options: MainOptions, progress: Progress): Context {
  const { env, stdin, stdout, stderr } = process;
  const root = resolve(options.root ?? env.SEALER_ROOT ?? "/var/lib/sealer");
  return {
    root,
    home: resolve(options.home ?? env.SEALER_HOME ?? `${homedir()}/.sealer`),
    cache: cacheFolder(),
    cwd: process.cwd(),
    env,
    format: options.format,
    progress,
    dial: sandboxDial(root),
    signal: interruption(),
    stdin,
    stdout,
    stderr,
    result(value, text) {
      const printed = options.format === "json" ? JSON.stringify(value) : text();
      if (printed !== "") stdout.write(`${printed}\n`);
    },
    ask,
  };
}

/** Sandboxes are looked for only once a host is dialed. */
function sandboxDial(root: string): Dial {
  let dialer: Promise<Dial> | undefined;
  return async (address, port, signal) => {
    dialer ??= import("#sandbox").then(({ dialerFor }) => dialerFor(root));
    return (await dialer)(address, port, signal);
  };
}

function chooseReporter(options: MainOptions): { report: Progress; close(): void } {
  const { stderr, env } = process;
  const write = (text: string) => void stderr.write(text);
  const debug = options.debug || options.logLevel === "debug";
  const how =
    options.progress === "auto"
      ? stderr.isTTY && env.TERM !== "dumb" && !env.CI
        ? "tty"
        : "plain"
      : options.progress;
  const quiet = options.quiet || options.logLevel === "error";
  if (how === "json") return { report: (event) => write(`${JSON.stringify(event)}\n`), close() {} };
  if (how === "none" || quiet) return { report: noProgress, close() {} };
  if (how === "tty") {
    const size = () => ({ columns: stderr.columns ?? 100, rows: stderr.rows ?? 30 });
    const terminal = new TerminalReporter(write, size, { output: debug, debug });
    return { report: terminal.report, close: () => terminal.close() };
  }
  return { report: plainReporter(write, { output: debug, debug }), close() {} };
}

/** The first signal asks to stop at the next safe point, the second stops at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(
        new SealerError("INTERRUPTED", `stopped by ${name}`, {
          hint: "Run the same command again to go on: what was done is kept.",
        }),
      );
    });
  }
  return controller.signal;
}

async function ask(
  question: string,
  { hidden = false }: { readonly hidden?: boolean } = {},
): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    throw new SealerError("USAGE", `there is no terminal to ask "${question.trim()}" on`, {
      hint: "Give the answer as a flag.",
    });
  }
  stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: hidden ? silent : stderr, terminal: true });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    if (hidden) stderr.write("\n");
  }
}
