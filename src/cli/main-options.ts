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

/** Parts the shared flags that stand before the command's name from the rest. */
export function splitLeadingFlags(argv: readonly string[]): {
  leading: readonly string[];
  rest: readonly string[];
} {
  let end = 0;
  while (end < argv.length) {
    const word = argv[end]!;
    const flag = Object.entries(sharedFlags).find(
      ([name, declared]) =>
        name !== "help" &&
        (word.split("=", 1)[0] === `--${name}` || ("short" in declared && word === `-${declared.short}`)),
    );
    if (!flag) break;
    end += flag[1].type === "string" && !word.includes("=") ? 2 : 1;
  }
  return { leading: argv.slice(0, end), rest: argv.slice(end) };
}

/**
 * Takes the flags that every command has out of the command line. A command that declares one of them itself, or its
 * letter, keeps it. Words after `--` are left alone. `leading`: those that stood before the command's name.
 * @throws USAGE
 */
export function takeSharedFlags(
  argv: readonly string[],
  own: OwnFlags,
  leading: readonly string[] = [],
): { options: MainOptions; rest: readonly string[] } {
  const letters = new Set(Object.values(own).map(({ short }) => short));
  const flags = Object.entries(sharedFlags).filter(([name]) => !(name in own));
  const shared: string[] = [...leading];
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--") {
      rest.push(...argv.slice(i));
      break;
    }
    const apart = withoutSharedLetters(word, own);
    if (apart) {
      shared.push(...apart.shared);
      if (apart.rest === "") continue;
      rest.push(apart.rest);
      if (takesNextWord(`-${apart.rest.at(-1)}`, own) && i + 1 < argv.length) rest.push(argv[++i]!);
      continue;
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

type OwnFlags = Readonly<
  Record<
    string,
    {
      readonly short?: string;
      readonly type: "string" | "boolean";
      readonly aliases?: readonly string[];
    }
  >
>;

/**
 * Letters written together, `-qf`: the shared ones of them, and the word that is left. Nothing where it is another kind
 * of word, where a letter is unknown, or where the value of a flag begins before the shared letter.
 */
function withoutSharedLetters(
  word: string,
  own: OwnFlags,
): { readonly shared: readonly string[]; readonly rest: string } | undefined {
  if (!/^-[A-Za-z]{2,}$/.test(word)) return undefined;
  const shared: string[] = [];
  let kept = "";
  for (const [position, letter] of [...word.slice(1)].entries()) {
    const mine = Object.values(own).find(({ short }) => short === letter);
    const isShared = Object.values(sharedFlags).some((flag) => "short" in flag && flag.short === letter);
    if (!mine && !isShared) return undefined;
    if (!mine) shared.push(`-${letter}`);
    else if (mine.type === "boolean") kept += letter;
    else {
      kept += word.slice(1 + position);
      break;
    }
  }
  return shared.length === 0 ? undefined : { shared, rest: kept === "" ? "" : `-${kept}` };
}

function takesNextWord(word: string, own: OwnFlags): boolean {
  const declared = Object.entries(own).find(([name, { short, aliases = [] }]) =>
    word.startsWith("--") ? [name, ...aliases].includes(word.slice(2)) : word === `-${short}`,
  );
  return declared?.[1].type === "string";
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
