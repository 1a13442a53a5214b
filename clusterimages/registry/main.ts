import { errorText, exitCodeOf } from "#cli";
import { SealerError } from "#errors";
import { noProgress } from "#progress";
import { registryServe } from "../../src/commands/registry-serve.ts";

/** The registry's container: `registry serve`, and nothing else of sealer. */
async function main(): Promise<number> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort(new SealerError("INTERRUPTED", `stopped by ${name}`));
    });
  }
  const { stdin, stdout, stderr, env } = process;
  try {
    await registryServe.run(process.argv.slice(2), {
      root: "/var/lib/sealer",
      home: "/root/.sealer",
      cache: "/var/cache/sealer",
      cwd: process.cwd(),
      env,
      format: "text",
      progress: noProgress,
      signal: stop.signal,
      dial: () => Promise.reject(new SealerError("USAGE", "a registry dials no hosts")),
      stdin,
      stdout,
      stderr,
      result() {},
      ask: () => Promise.reject(new SealerError("USAGE", "there is no terminal in this container")),
    });
    return 0;
  } catch (error) {
    stderr.write(`${errorText(error, { debug: false })}\n`);
    return exitCodeOf(error);
  }
}

void main().then((code) => {
  process.exitCode = code;
});
