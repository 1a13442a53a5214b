import { SealerError } from "#errors";
import type { Launcher } from "./launcher.ts";
import { messageText } from "./message-text.ts";
import { runProgram } from "./run-program.ts";

/** How a login becomes root. */
export type Elevation =
  | { readonly kind: "root" }
  | { readonly kind: "sudo" }
  | { readonly kind: "sudo-password"; readonly password: string };

/**
 * Finds out how the login becomes root, by looking only.
 * @throws HOST_UNFIT when bash is missing or the login cannot become root: says why
 */
export async function findElevation(
  launcher: Launcher,
  password: string | undefined,
  signal?: AbortSignal,
): Promise<Elevation> {
  const identity = await attempt(launcher, ["sh", "-c", "id -u; command -v bash"], "", signal);
  const [uid, bash] = identity.stdout.trim().split("\n");
  if (!bash) {
    throw unfit(
      launcher,
      "bash is not installed there",
      "Install bash on the host: sealer's scripts need it.",
    );
  }
  if (uid === "0") return { kind: "root" };
  const free = await attempt(launcher, ["sudo", "-n", "-H", "--", "bash", "-c", ":"], "", signal);
  if (free.exitCode === 0) return { kind: "sudo" };
  if (password === undefined) throw cannotElevate(launcher, free.stderr, undefined);
  const asked = await attempt(launcher, [...sudoWithPassword, "bash", "-c", ":"], `${password}\n`, signal);
  if (asked.exitCode === 0) return { kind: "sudo-password", password };
  throw cannotElevate(launcher, asked.stderr, password);
}

/** What stands before a program's own words so that it runs as root. */
export function elevated(elevation: Elevation, argv: readonly string[]): readonly string[] {
  switch (elevation.kind) {
    case "root":
      return argv;
    case "sudo":
      return ["sudo", "-n", "-H", "--", ...argv];
    case "sudo-password":
      return [...sudoWithPassword, ...argv];
  }
}

const sudoWithPassword = ["sudo", "-S", "-H", "-p", "", "--"];

async function attempt(launcher: Launcher, argv: readonly string[], stdin: string, signal?: AbortSignal) {
  const program = await launcher.launch(argv, signal);
  const { exitCode, stdout, stderr } = await runProgram(program, { stdin, signal }, 64 * 1024);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function cannotElevate(launcher: Launcher, said: string, password: string | undefined): SealerError {
  const text = messageText(said, password === undefined ? [] : [password]).trim();
  if (/not found|No such file/i.test(text)) {
    return unfit(
      launcher,
      "the login is not root and sudo is not installed there",
      "Log in as root, or install sudo.",
    );
  }
  if (/must have a tty/i.test(text)) {
    return unfit(
      launcher,
      "sudo there wants a terminal (requiretty)",
      'Add "Defaults !requiretty" to its sudoers.',
    );
  }
  if (/not in the sudoers|not allowed to|may not run/i.test(text)) {
    return unfit(
      launcher,
      `sudo does not let this login become root: ${text}`,
      "Log in as root or another user.",
    );
  }
  if (password === undefined) {
    return unfit(
      launcher,
      "the login is not root, and sudo asks for a password that sealer does not have",
      "Give the password (-p, --password-stdin), allow sudo without one (NOPASSWD), or log in as root.",
    );
  }
  return unfit(
    launcher,
    `sudo did not take the password: ${text}`,
    "Check the password and the host's sudoers.",
  );
}

function unfit(launcher: Launcher, why: string, hint: string): SealerError {
  return new SealerError("HOST_UNFIT", `${launcher.address}: ${why}`, { where: launcher.address, hint });
}
