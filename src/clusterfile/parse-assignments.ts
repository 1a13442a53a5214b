import { SealerError } from "#errors";

/**
 * Reads `KEY=value` words as they stand on the command line; the last one of a key wins.
 * @throws USAGE for what is not one, and for names that would change how root's own programs run
 */
export function parseAssignments(flag: string, words: readonly string[]): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf("=");
    const key = equals < 0 ? word : word.slice(0, equals);
    if (equals < 0) {
      throw new SealerError("USAGE", `${flag} takes KEY=value, not "${word}"`, {
        hint: `Write ${flag} ${/^[A-Za-z_]\w*$/.test(key) ? key : "KEY"}=value, once for each.`,
      });
    }
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      throw new SealerError("USAGE", `${flag}: "${key}" is not a variable's name`, {
        hint: "Names are letters, digits and underscores, and do not begin with a digit.",
      });
    }
    if (dangerous.test(key)) {
      throw new SealerError(
        "USAGE",
        `${flag}: ${key} may not be set for programs that run as root on the hosts`,
      );
    }
    if (word.includes("\0")) throw new SealerError("USAGE", `${flag}: the value of ${key} has a NUL in it`);
    values.set(key, word.slice(equals + 1));
  }
  return Object.fromEntries(values);
}

/** Variables by which a shell, a loader or an interpreter is made to run something else. */
const dangerous =
  /^(PATH|IFS|ENV|BASH_ENV|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|CDPATH|GLOBIGNORE|LD_.*|PYTHON(PATH|STARTUP|HOME)|PERL5(LIB|OPT)|NODE_OPTIONS|GCONV_PATH|BASH_FUNC_.*)$/;
