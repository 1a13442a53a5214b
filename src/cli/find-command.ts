import { nearest, SealerError } from "#errors";
import type { CommandEntry } from "./help.ts";
import { sharedFlags } from "./shared-flags.ts";

/**
 * The command with the longest name that the words begin with: `registry serve` before `registry`.
 * @throws USAGE, which names the nearest command
 */
export function findCommand<Entry extends CommandEntry>(
  asked: readonly string[],
  commands: readonly Entry[],
): { readonly entry: Entry; readonly rest: readonly string[] } {
  const [first = "", second] = asked;
  for (const length of [2, 1]) {
    const name = asked.slice(0, length).join(" ");
    const entry = commands.find((candidate) => candidate.name === name);
    if (entry) return { entry, rest: asked.slice(length) };
  }
  if (first.startsWith("-")) throw notAFlag(first);
  const family = familyOf(first, commands).map(({ name }) => name);
  if (family.length > 0) throw notInFamily(first, second, family);
  const guess = nearest(
    first,
    commands.map(({ name }) => name),
  );
  throw new SealerError("USAGE", `there is no command "${first}"`, {
    hint: guess ? `Did you mean "${guess}"?` : "sealer --help lists the commands.",
  });
}

/** The commands whose name begins with `word`: those of `sandbox`. */
export function familyOf<Entry extends CommandEntry>(word: string, commands: readonly Entry[]): Entry[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

function notAFlag(word: string): SealerError {
  const guess = word.startsWith("--") ? nearest(word.slice(2), Object.keys(sharedFlags)) : undefined;
  return new SealerError("USAGE", `there is no flag ${word} before the command`, {
    hint: guess ? `Did you mean --${guess}?` : "Write the command first: sealer COMMAND [flags].",
  });
}

function notInFamily(first: string, second: string | undefined, family: readonly string[]): SealerError {
  if (second === undefined || second.startsWith("-")) {
    return new SealerError("USAGE", `${first} needs to know what to do`, {
      hint: family.map((name) => `sealer ${name}`).join(", "),
    });
  }
  const guess = nearest(`${first} ${second}`, family);
  return new SealerError("USAGE", `there is no command "${first} ${second}"`, {
    hint: guess
      ? `Did you mean "${guess}"?`
      : `There are ${family.map((name) => `sealer ${name}`).join(", ")}.`,
  });
}
