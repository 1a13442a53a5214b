import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Runs a program to its end and returns what it printed; throws with its last words where it fails. */
export function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", timeout: 120_000 });
  if (error) throw new Error(`${program} is needed for this test: ${error.message}`);
  if (status !== 0)
    throw new Error(`${program} ${args.join(" ")} failed (${status}): ${stderr.slice(-2000)}`);
  return stdout;
}

/** Debian's docker-registry (2.8) on a free port, with its files in a folder of its own. */
export async function startDockerRegistry(): Promise<{ domain: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "sealer-docker-registry-"));
  const port = await freePort();
  const config = join(folder, "config.yml");
  await writeFile(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${join(folder, "data")}}, delete: {enabled: true}}
http: {addr: "127.0.0.1:${port}"}
`,
  );
  const child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = new Error(`docker-registry (Debian package) is needed for this test: ${error.message}`);
  });
  const stop = async () => {
    child.kill("SIGTERM");
    if (!failure) await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    if (failure) throw failure;
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
    if (answer?.ok) return { domain: `127.0.0.1:${port}`, stop };
    if (tries > 200) {
      await stop();
      throw new Error("docker-registry does not answer");
    }
    await sleep(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
