import { SealerError } from "#errors";
import type { Context } from "./context.ts";
import type { Flags, FlagValues } from "./flag.ts";
import { parseFlags } from "./flags.ts";

export interface Command {
  /** As it is typed: `build`, `registry serve`. */
  readonly name: string;
  readonly summary: string;
  /** Words after the name, as help shows them: `IMAGE`, `[PATH]`, `NAME...`. */
  readonly operands: string;
  readonly flags: Flags;
  /** Longer help, with examples, which are indented. */
  readonly description?: string;
  /** The shape of what it prints with `--format json`; a command without one prints no result. */
  readonly json?: string;
  run(argv: readonly string[], context: Context): Promise<void>;
}

/** What a command's `run` is given: flags by name, and the words that are not flags. */
export interface Call<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly operands: readonly string[];
}

/** Declares a command; the number of its operands is checked by their notation. */
export function command<const F extends Flags>(definition: {
  readonly name: string;
  readonly summary: string;
  readonly operands?: string;
  readonly flags: F;
  readonly description?: string;
  readonly json?: string;
  run(call: Call<F>, context: Context): Promise<void>;
}): Command {
  const { name, summary, operands = "", flags, description, json } = definition;
  return {
    name,
    summary,
    operands,
    flags,
    ...(description === undefined ? {} : { description }),
    ...(json === undefined ? {} : { json }),
    async run(argv, context) {
      const { values, positionals } = parseFlags(argv, flags);
      checkOperands(name, operands, positionals);
      await definition.run({ flags: values, operands: positionals }, context);
    },
  };
}

/** `IMAGE [TARGET]` takes one or two words, `NAME...` one or more, `[-- WORD...]` any. */
function checkOperands(name: string, notation: string, given: readonly string[]): void {
  const words = notation.split(/\s+(?![^[]*\])/).filter(Boolean);
  const least = words.filter((word) => !word.startsWith("[")).length;
  const most = words.some((word) => word.includes("...")) ? Number.POSITIVE_INFINITY : words.length;
  const usage = `Usage: sealer ${name}${notation ? ` ${notation}` : ""}`;
  if (given.length < least) {
    throw new SealerError("USAGE", `${name} needs ${words.slice(given.length, least).join(" and ")}`, {
      hint: usage,
    });
  }
  if (given.length > most) {
    const extra = given.slice(most).join(" ");
    throw new SealerError("USAGE", `${name} does not take "${extra}"`, { hint: usage });
  }
}
