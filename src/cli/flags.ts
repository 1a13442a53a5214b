import { parseArgs } from "node:util";
import { nearest, SealerError } from "#errors";
import type { Flag, Flags, FlagValues } from "./flag.ts";
import { sharedFlags } from "./shared-flags.ts";

/**
 * Reads `argv` by the declarations: long and short flags anywhere, `--flag=value`, `--flag=false`, `--` before words
 * that only look like flags.
 * @throws USAGE, which names the nearest flag
 */
export function parseFlags<F extends Flags>(
  argv: readonly string[],
  flags: F,
): { values: FlagValues<F>; positionals: readonly string[] } {
  const byName = namesOf(flags);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      [...byName.entries()].map(([name, { flag }]) => [
        name,
        name.length > 1 && flag.short && byName.get(flag.short)?.key === name
          ? { type: flag.type, short: flag.short }
          : { type: flag.type },
      ]),
    ),
    strict: false,
    tokens: true,
  });

  const values: Record<string, string | boolean | string[] | undefined> = {};
  for (const [name, { type, multiple }] of Object.entries(flags)) {
    values[name] = type === "boolean" ? false : multiple ? [] : undefined;
  }
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const known = byName.get(token.name);
    if (!known) throw unknownFlag(token.rawName, flags);
    const { key, flag } = known;
    if (flag.type === "boolean") values[key] = booleanValue(token.rawName, token.value);
    else if (token.value === undefined) throw new SealerError("USAGE", `${token.rawName} needs a value`);
    else if (flag.multiple) (values[key] as string[]).push(token.value);
    else values[key] = token.value;
  }
  return { values: values as FlagValues<F>, positionals };
}

function namesOf(flags: Flags): Map<string, { key: string; flag: Flag }> {
  const names = new Map<string, { key: string; flag: Flag }>();
  for (const [key, flag] of Object.entries(flags)) {
    for (const name of [key, ...(flag.aliases ?? []), ...(flag.short ? [flag.short] : [])]) {
      names.set(name, { key, flag });
    }
  }
  return names;
}

function booleanValue(rawName: string, value: string | undefined): boolean {
  if (value === undefined || value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new SealerError("USAGE", `${rawName} is true or false, not "${value}"`);
}

function unknownFlag(rawName: string, flags: Flags): SealerError {
  const word = rawName.replace(/^-+/, "");
  const guess =
    word.length > 1 ? nearest(word, [...Object.keys(flags), ...Object.keys(sharedFlags)]) : undefined;
  return new SealerError("USAGE", `there is no flag ${rawName}`, {
    hint: guess ? `Did you mean --${guess}?` : "See --help for the flags of this command.",
  });
}
