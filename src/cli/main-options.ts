import { SealerError } from "#errors";
import { parseFlags } from "./flags.ts";
import { sharedFlags } from "./shared-flags.ts";

export interface MainOptions {
  readonly root: string | undefined;
  readonly home: string | undefined;
  readonly progress: "auto" | "tty" | "plain" | "json" | "none";
  readonly logLevel: "debug" | "info" | "warning" | "error";
  readonly format: "text" | "json";
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly help: boolean;
}

/**
 * Takes the flags that every command has out of the command line. A command that declares one of them itself, or its
 * letter, keeps it. Words after `--` are left alone.
 * @throws USAGE
 */
export function takeSharedFlags(
  argv: readonly string[],
  own: Readonly<Record<string, { readonly short?: string; readonly type: "string" | "boolean" }>>,
): { options: MainOptions; rest: readonly string[] } {
  const letters = new Set(Object.values(own).map(({ short }) => short));
  const flags = Object.entries(sharedFlags).filter(([name]) => !(name in own));
  const shared: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      rest.push(...argv.slice(i));
      break;
    }
    const [name = word] = word.split("=", 1);
    const flag = flags.find(
      ([long, declared]) =>
        name === `--${long}` ||
        ("short" in declared && word === `-${declared.short}` && !letters.has(declared.short)),
    );
    if (!flag) {
      rest.push(word);
      if (takesNextWord(word, own) && i + 1 < argv.length) rest.push(argv[++i]!);
      continue;
    }
    shared.push(word);
    if (flag[1].type === "string" && !word.includes("=") && i + 1 < argv.length) shared.push(argv[++i]!);
  }
  return { options: readShared(shared), rest };
}

function takesNextWord(
  word: string,
  own: Readonly<Record<string, { readonly short?: string; readonly type: string }>>,
): boolean {
  if (word.startsWith("--")) return own[word.slice(2)]?.type === "string";
  return (
    /^-[A-Za-z]$/.test(word) &&
    Object.values(own).some(({ short, type }) => short === word[1] && type === "string")
  );
}

function readShared(argv: readonly string[]): MainOptions {
  const { values } = parseFlags(argv, sharedFlags);
  return {
    root: values.root,
    home: values.home,
    progress: oneOf("--progress", values.progress ?? "auto", ["auto", "tty", "plain", "json", "none"]),
    logLevel: oneOf("--log-level", values["log-level"] ?? "info", ["debug", "info", "warning", "error"]),
    format: oneOf("--format", values.format ?? "text", ["text", "json"]),
    quiet: values.quiet,
    debug: values.debug,
    help: values.help,
  };
}

function oneOf<const Choice extends string>(flag: string, value: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw new SealerError("USAGE", `${flag} is one of ${choices.join(", ")}, not "${value}"`);
  }
  return choice;
}
