import { spawn } from "node:child_process";
import { deadline } from "#concurrency";
import { SealerError } from "#errors";

const patience = 10_000;
const longestAnswer = 65_536;

/**
 * Runs `docker-credential-<name> <action>` with `input`, and returns what it prints; undefined where it says that it
 * knows nothing. @throws CONFIG_INVALID when it is missing, fails, or takes longer than ten seconds
 */
export async function runCredentialHelper(
  name: string,
  action: "get" | "store" | "erase",
  input: string,
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly patience?: number },
): Promise<string | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw failed(`"${name}" is not the name of a credential helper`);
  const signal = deadline(options.patience ?? patience);
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number | null; output: string }>();
  const child = spawn(program, [action], {
    env: options.env as NodeJS.ProcessEnv,
    stdio: ["pipe", "pipe", "ignore"],
    signal,
    killSignal: "SIGKILL",
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (output.length < longestAnswer) output += text;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  child.once("error", reject);
  child.once("exit", () => signal.aborted && child.stdout.destroy());
  child.once("close", (code) => resolve({ code, output }));
  const answer = await promise.catch((error) => {
    if (signal.aborted)
      throw failed(`${program} did not answer within ${(options.patience ?? patience) / 1000} seconds`);
    throw failed(`${program} cannot be run: ${error.message}`, error);
  });
  if (answer.code === 0) return answer.output;
  if (/credentials not found/i.test(answer.output)) return undefined;
  throw failed(
    `${program} failed: ${answer.output
      .replace(/\p{C}+/gu, " ")
      .trim()
      .slice(0, 200)}`,
  );
}

function failed(message: string, cause?: unknown): SealerError {
  return new SealerError("CONFIG_INVALID", message, {
    hint: "It is named in ~/.docker/config.json (credsStore, credHelpers): install or unlock it, or remove it there.",
    cause,
  });
}
