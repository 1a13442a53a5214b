import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunOptions, runCommand } from "./run-command.ts";
import { folderFor, plant, type Tree } from "./testing.ts";

test("works in the merged rootfs and leaves the layers alone", async (t) => {
  const { outcome, upper, layers } = await run(t, "cat a b && echo new > b && rm a && mkdir -p d/e && pwd", {
    layers: [{ a: "lower\n", b: "lower\n" }, { b: "upper\n" }],
  });
  assert.deepEqual(outcome, { exitCode: 0, lastLines: ["lower", "upper", "/rootfs"] });
  assert.equal(readFileSync(join(upper, "b"), "utf8"), "new\n");
  assert.ok(existsSync(join(upper, "d/e")));
  assert.equal(readFileSync(join(layers[0]!, "a"), "utf8"), "lower\n");
});

test("tells how a command ended and what it printed last", async (t) => {
  const { outcome } = await run(t, "seq 100; echo no >&2; exit 7");
  assert.equal(outcome.exitCode, 7);
  assert.equal(outcome.lastLines.length, 20);
  assert.ok(outcome.lastLines.includes("no"));
});

test("finds programs of the rootfs after those of the machine", async (t) => {
  const script = { text: "#!/bin/sh\necho mine\n", mode: 0o755 };
  const { outcome } = await run(t, "own-program && cat /dev/null", {
    layers: [{ "bin/own-program": script, "bin/cat": script }],
  });
  assert.deepEqual(outcome, { exitCode: 0, lastLines: ["mine"] });
});

test("sees nothing of this machine but its programs, and can write only to the rootfs and /tmp", async (t) => {
  const secret = plant(folderFor(t), { secret: "x" });
  const checks = [
    `test ! -e ${secret}`,
    "test ! -e /root && test ! -e /home && test ! -e /etc/shadow && test ! -e /var/lib",
    "! touch /usr/x && ! touch /etc/x && ! touch /bin/x && ! touch /x && ! touch /etc/ssl/x",
    "touch /tmp/x /rootfs/x",
    'test "$(ls /proc | grep -c "^[0-9]")" -lt 8',
    "! mount -t tmpfs x /tmp",
    'test "$(id -u)" = 0 && test "$A" = "b c" && test -z "$SECRET_OF_CALLER"',
  ];
  process.env.SECRET_OF_CALLER = "x";
  t.after(() => delete process.env.SECRET_OF_CALLER);
  for (const check of checks) {
    const { outcome } = await run(t, check, { env: { A: "b c" } });
    assert.equal(outcome.exitCode, 0, `${check}: ${outcome.lastLines.join("\n")}`);
  }
});

test("its environment is the same wherever the store is", async (t) => {
  const { outcome } = await run(t, ["env"]);
  const names = outcome.lastLines.map((line) => line.split("=")[0]).sort();
  assert.deepEqual(names, ["HOME", "LANG", "PATH", "PWD"]);
});

test("has no network when it is cut", async (t) => {
  const links = "sed 1,2d /proc/net/dev | cut -d: -f1 | tr -d ' '";
  const { outcome } = await run(t, links, { network: "none" });
  assert.deepEqual(outcome.lastLines, ["lo"]);
});

test("takes a program with arguments, without a shell", async (t) => {
  const { outcome } = await run(t, ["echo", "$HOME", "a  b"]);
  assert.deepEqual(outcome.lastLines, ["$HOME a  b"]);
});

test("an empty rootfs can be worked in", async (t) => {
  const { outcome, upper } = await run(t, "echo x > y", { layers: [] });
  assert.equal(outcome.exitCode, 0);
  assert.equal(readFileSync(join(upper, "y"), "utf8"), "x\n");
});

test("an interruption ends the command and everything it started", async (t) => {
  const controller = new AbortController();
  const running = run(t, "sleep 1000 & echo started; sleep 1000", {
    signal: controller.signal,
    onLine: () => controller.abort(new Error("enough")),
  });
  await assert.rejects(running, { message: "enough" });
});

async function run(
  t: TestContext,
  command: RunOptions["command"],
  given: Partial<Omit<RunOptions, "layerDirs">> & { readonly layers?: readonly Tree[] } = {},
) {
  const { layers: trees = [{ a: "" }], ...rest } = given;
  const folder = folderFor(t);
  const layers = trees.map((tree, position) => plant(join(folder, `layer${position}`), tree));
  const workDir = join(folder, "work-dir");
  mkdirSync(workDir);
  const outcome = await runCommand({
    layerDirs: layers,
    workDir,
    command,
    env: {},
    network: "default",
    onLine: () => {},
    ...rest,
  });
  return { outcome, layers, upper: join(workDir, "upper") };
}
