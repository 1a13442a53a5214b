import { SealerError } from "#errors";

/** @throws CONFIG_INVALID for variables that no program on a host can be given */
export function checkVariables(env: Readonly<Record<string, string>>): void {
  encodeVariables(env);
}

/**
 * Variables as a program's reader takes them: `NAME=value`, each ended by a NUL. Names that would change how a program
 * of root is found, loaded or read by its shell are refused.
 * @throws CONFIG_INVALID
 */
export function encodeVariables(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `${checkedName(name)}=${checkedValue(name, value)}\0`)
    .join("");
}

function checkedName(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new SealerError("CONFIG_INVALID", `${JSON.stringify(name)} cannot be the name of a variable`, {
      hint: "Names consist of letters, digits and underscores, and do not begin with a digit.",
    });
  }
  if (dangerous.test(name)) {
    throw new SealerError(
      "CONFIG_INVALID",
      `The variable ${name} may not be set for programs that root runs`,
      {
        hint: "It changes how programs are found, loaded or read. Set it inside the script that needs it.",
      },
    );
  }
  return name;
}

function checkedValue(name: string, value: string): string {
  if (!value.includes("\0")) return value;
  throw new SealerError("CONFIG_INVALID", `The value of the variable ${name} contains a NUL byte`);
}

const dangerous =
  /^(PATH|IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|BASH_VERSINFO|UID|EUID|PPID|GCONV_PATH|GLIBC_TUNABLES|PERL5OPT|PERL5LIB|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|NODE_OPTIONS|RUBYOPT|LD_.*|BASH_FUNC_.*)$/;
