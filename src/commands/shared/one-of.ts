import { nearest, SealerError } from "#errors";

/** The choice that a flag's value is. @throws USAGE naming the choices */
export function oneOf<const Choice extends string>(
  flag: string,
  value: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  const meant = nearest(value, choices);
  throw new SealerError("USAGE", `${flag} is one of ${choices.join(", ")}, not "${value}"`, {
    hint: meant ? `Did you mean ${meant}?` : undefined,
  });
}
