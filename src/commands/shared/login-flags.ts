import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Context, FlagValues } from "#cli";
import type { Login } from "#cluster";
import { SealerError } from "#errors";
import { readPrivateKey } from "#hosts";

/** How to log in to hosts, on every command that may meet hosts for the first time. */
export const loginFlags = {
  passwd: {
    type: "string",
    short: "p",
    value: "PASSWORD",
    aliases: ["password"],
    summary: "Password for SSH and sudo; env:NAME and file:PATH read it from elsewhere",
  },
  "password-stdin": { type: "boolean", summary: "Read that password from standard input" },
  pk: { type: "string", value: "FILE", summary: "Private key for SSH" },
  "pk-passwd": { type: "string", value: "PASSPHRASE", summary: "What opens the private key" },
} as const;

/** @throws USAGE, FILE_NOT_FOUND */
export async function readLogin(flags: FlagValues<typeof loginFlags>, context: Context): Promise<Login> {
  if (flags.passwd !== undefined && flags["password-stdin"]) {
    throw new SealerError("USAGE", "--passwd and --password-stdin are two passwords; give one");
  }
  const password = flags["password-stdin"]
    ? withoutLineEnd(await text(context.stdin))
    : await secret("--passwd", flags.passwd, context);
  return {
    password,
    privateKey:
      flags.pk === undefined
        ? undefined
        : await readPrivateKey(resolve(context.cwd, home(flags.pk, context))),
    passphrase: await secret("--pk-passwd", flags["pk-passwd"], context),
  };
}

async function secret(
  flag: string,
  value: string | undefined,
  context: Context,
): Promise<string | undefined> {
  if (value === "") throw new SealerError("USAGE", `${flag} is empty`);
  if (value?.startsWith("env:")) {
    const found = context.env[value.slice(4)];
    if (found) return found;
    throw new SealerError("USAGE", `${flag}: the variable ${value.slice(4)} is not set`);
  }
  if (value?.startsWith("file:")) {
    const path = resolve(context.cwd, home(value.slice(5), context));
    try {
      return withoutLineEnd(await readFile(path, "utf8"));
    } catch (cause) {
      throw new SealerError("FILE_NOT_FOUND", `${flag}: ${path} cannot be read`, { where: path, cause });
    }
  }
  return value;
}

function home(path: string, { env }: Context): string {
  return path.replace(/^~(?=\/|$)/, env.HOME ?? "~");
}

function withoutLineEnd(line: string): string {
  return line.replace(/\r?\n$/, "");
}
