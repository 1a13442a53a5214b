import { homedir } from "node:os";
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import {
  type Command,
  type CommandEntry,
  type Context,
  commandHelp,
  errorReport,
  errorText,
  exitCodeOf,
  type MainOptions,
  overview,
  plainReporter,
  splitLeadingFlags,
  TerminalReporter,
  takeSharedFlags,
} from "#cli";
import { nearest, SealerError } from "#errors";
import type { Dial } from "#hosts";
import { noProgress, type Progress } from "#progress";

/** Every command, with the module that holds it: loaded only when it is called, so that starting stays quick. */
const commands: readonly (CommandEntry & { load(): Promise<Command> })[] = [
  {
    name: "build",
    summary: "Build a ClusterImage from a Kubefile",
    group: "Images",
    load: async () => (await import("./commands/build.ts")).build,
  },
  {
    name: "images",
    summary: "List the images on this machine",
    group: "Images",
    load: async () => (await import("./commands/images.ts")).images,
  },
  {
    name: "inspect",
    summary: "Show what is in an image",
    group: "Images",
    load: async () => (await import("./commands/inspect.ts")).inspect,
  },
  {
    name: "history",
    summary: "Show the instructions that an image was built by",
    group: "Images",
    load: async () => (await import("./commands/history.ts")).history,
  },
  {
    name: "tag",
    summary: "Give an image another name",
    group: "Images",
    load: async () => (await import("./commands/tag.ts")).tag,
  },
  {
    name: "rmi",
    summary: "Remove images from this machine",
    group: "Images",
    load: async () => (await import("./commands/rmi.ts")).rmi,
  },
  {
    name: "save",
    summary: "Write an image to an archive or a folder",
    group: "Images",
    load: async () => (await import("./commands/save.ts")).save,
  },
  {
    name: "load",
    summary: "Bring images from an archive or a folder to this machine",
    group: "Images",
    load: async () => (await import("./commands/load.ts")).load,
  },
  {
    name: "pull",
    summary: "Copy an image from a registry to this machine",
    group: "Images",
    load: async () => (await import("./commands/pull.ts")).pull,
  },
  {
    name: "push",
    summary: "Copy an image from this machine to a registry",
    group: "Images",
    load: async () => (await import("./commands/push.ts")).push,
  },
  {
    name: "prune",
    summary: "Delete what no image and no cluster needs",
    group: "Images",
    load: async () => (await import("./commands/prune.ts")).prune,
  },
  {
    name: "run",
    summary: "Make a Kubernetes cluster of hosts, out of an image",
    group: "Clusters",
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    name: "plan",
    summary: "Print what run would do, and change nothing",
    group: "Clusters",
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  {
    name: "status",
    summary: "Tell how a cluster's hosts are",
    group: "Clusters",
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "exec",
    summary: "Run a program as root on a cluster's hosts",
    group: "Clusters",
    load: async () => (await import("./commands/exec.ts")).exec,
  },
  {
    name: "delete",
    summary: "Remove a cluster, or hosts from it",
    group: "Clusters",
    load: async () => (await import("./commands/delete.ts")).deleteCommand,
  },
  {
    name: "sandbox create",
    summary: "Make hosts out of namespaces on this machine",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-create.ts")).sandboxCreate,
  },
  {
    name: "sandbox list",
    summary: "List sandboxes and their hosts",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-list.ts")).sandboxList,
  },
  {
    name: "sandbox exec",
    summary: "Run a program on a sandbox host, without SSH",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-exec.ts")).sandboxExec,
  },
  {
    name: "sandbox start",
    summary: "Switch sandbox hosts on",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-start.ts")).sandboxStart,
  },
  {
    name: "sandbox stop",
    summary: "Cut the power of sandbox hosts; their disks stay",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-stop.ts")).sandboxStop,
  },
  {
    name: "sandbox delete",
    summary: "Remove sandboxes, with their hosts and disks",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-delete.ts")).sandboxDelete,
  },
  {
    name: "sandbox check",
    summary: "Tell whether this machine can make sandbox hosts",
    group: "Sandbox hosts",
    load: async () => (await import("./commands/sandbox-check.ts")).sandboxCheck,
  },
  {
    name: "registry serve",
    summary: "Serve container images from a folder, as a registry",
    group: "Registry",
    load: async () => (await import("./commands/registry-serve.ts")).registryServe,
  },
  {
    name: "version",
    summary: "Print sealer's version",
    group: "Others",
    load: async () => (await import("./commands/version.ts")).version,
  },
];

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  if (argv.some((word) => /^-p|^--(passwd|password|pk-passwd)/.test(word))) process.title = "sealer";
  let options: MainOptions = takeSharedFlags([], {}).options;
  let reporter: { report: Progress; close(): void } = { report: noProgress, close() {} };
  try {
    const { leading, rest } = splitLeadingFlags(argv);
    const asked = rest[0] === "help" ? [...rest.slice(1), "--help"] : rest;
    if (asked.length === 0 || asked[0] === "--help" || asked[0] === "-h") {
      process.stdout.write(`${overview(commands)}\n`);
      return 0;
    }
    const { entry, rest: words } = findCommand(asked);
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
  } catch (error) {
    reporter.close();
    const text =
      options.progress === "json"
        ? JSON.stringify(errorReport(error))
        : errorText(error, { debug: options.debug });
    process.stderr.write(`${text}\n`);
    return exitCodeOf(error);
  }
}

/** The command with the longest name that the words begin with: `registry serve` before `registry`. */
function findCommand(asked: readonly string[]) {
  for (const length of [2, 1]) {
    const name = asked.slice(0, length).join(" ");
    const entry = commands.find((candidate) => candidate.name === name);
    if (entry) return { entry, rest: asked.slice(length) };
  }
  const family = commands.filter(({ name }) => name.startsWith(`${asked[0]} `)).map(({ name }) => name);
  if (family.length > 0) {
    throw new SealerError("USAGE", `${asked[0]} needs to know what to do`, {
      hint: `sealer ${family.join(", sealer ")}`,
    });
  }
  const guess = nearest(
    asked[0]!,
    commands.map(({ name }) => name),
  );
  throw new SealerError("USAGE", `there is no command "${asked[0]}"`, {
    hint: guess ? `Did you mean "${guess}"?` : "sealer --help lists the commands.",
  });
}

function contextFor(options: MainOptions, progress: Progress): Context {
  const { env, stdin, stdout, stderr } = process;
  const root = resolve(options.root ?? env.SEALER_ROOT ?? "/var/lib/sealer");
  return {
    root,
    home: resolve(options.home ?? env.SEALER_HOME ?? `${homedir()}/.sealer`),
    cache: resolve(env.SEALER_CACHE ?? "/var/cache/sealer"),
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
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
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
