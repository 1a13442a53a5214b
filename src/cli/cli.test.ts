import assert from "node:assert/strict";
import { test } from "node:test";
import { SealerError } from "#errors";
import { asUserError } from "./as-user-error.ts";
import { command } from "./command.ts";
import type { Context } from "./context.ts";
import { splitLeadingFlags, takeSharedFlags } from "./main-options.ts";
import { plainReporter } from "./plain-reporter.ts";
import { errorReport, errorText, exitCodeOf } from "./report-error.ts";
import { table } from "./table.ts";
import { formatBytes, formatSeconds } from "./units.ts";

const context = {} as Context;
const tag = command({
  name: "tag",
  summary: "Give an image another name",
  operands: "SOURCE TARGET [MORE]",
  flags: {},
  async run() {},
});

test("a command says which words it misses and which it cannot take", async () => {
  await assert.rejects(tag.run(["a"], context), { code: "USAGE", message: "tag needs TARGET" });
  await assert.rejects(tag.run(["a", "b", "c", "d"], context), { message: 'tag does not take "d"' });
  await tag.run(["a", "b", "c"], context);
});

test("shared flags stand anywhere, but not behind -- and not in the place of a command's own", () => {
  const own = { passwd: { type: "string", short: "p" }, format: { type: "string" } } as const;
  const { options, rest } = takeSharedFlags(
    ["-p", "-d", "--root", "/r", "x", "--format", "oci-dir", "-q", "--", "--home", "y"],
    own,
  );
  assert.deepEqual(
    [options.root, options.quiet, options.debug, options.home],
    ["/r", true, false, undefined],
  );
  assert.deepEqual(rest, ["-p", "-d", "x", "--format", "oci-dir", "--", "--home", "y"]);
});

test("shared flags may stand before the command's name, too", () => {
  assert.deepEqual(splitLeadingFlags(["-q", "--root=/r", "--format", "json", "images", "-q"]), {
    leading: ["-q", "--root=/r", "--format", "json"],
    rest: ["images", "-q"],
  });
  const { options } = takeSharedFlags([], {}, ["--root", "/r"]);
  assert.equal(options.root, "/r");
});

test("an error tells what, where, why and what to do", () => {
  const error = new SealerError("KUBEFILE_INVALID", 'there is no instruction "CPOY"', {
    where: "Kubefile:2",
    hint: "Did you mean COPY?",
    cause: new Error("outer", { cause: new Error("inner") }),
  });
  assert.equal(
    errorText(error, { debug: false }),
    'error: Kubefile:2: there is no instruction "CPOY"\nbecause: outer: inner\nhint: Did you mean COPY?',
  );
  assert.deepEqual(errorReport(error).error, {
    code: "KUBEFILE_INVALID",
    message: 'there is no instruction "CPOY"',
    where: "Kubefile:2",
    hint: "Did you mean COPY?",
    cause: "outer: inner",
  });
  assert.equal(exitCodeOf(error), 2);
});

test("an error says its place and its reason only once", () => {
  const missing = Object.assign(new Error("ENOENT: no such file or directory, open '/a/b'"), { errno: -2 });
  const told = new SealerError("FILE_NOT_FOUND", "cannot read /a/b: no such file or directory", {
    where: "/a/b",
    cause: missing,
  });
  assert.equal(errorText(told, { debug: false }), "error: cannot read /a/b: no such file or directory");
  const list = new SealerError("HOST_LIST_INVALID", '-m: "x" is not an address', { where: "-m" });
  assert.equal(errorText(list, { debug: false }), 'error: -m: "x" is not an address');
  const deeper = new SealerError("FILE_INVALID", "cannot read /a/b/c", { where: "/a/b" });
  assert.equal(errorText(deeper, { debug: false }), "error: /a/b: cannot read /a/b/c");
});

test("what the machine refuses is no bug, wherever it comes up", () => {
  const refused = (code: string, errno: number) =>
    asUserError(
      Object.assign(new Error(`${code}: x, scandir '/home'`), {
        code,
        errno,
        syscall: "scandir",
        path: "/home",
      }),
    );
  assert.equal(exitCodeOf(refused("ENOTDIR", -20)), 2);
  assert.equal(exitCodeOf(refused("ENOSPC", -28)), 3);
  assert.match(
    errorText(refused("EROFS", -30), { debug: false }),
    /^error: cannot use \/home: read-only file system\nhint: /,
  );
  assert.equal(exitCodeOf(refused("ENOENT", -2)), 1);
});

test("shared letters may stand together with others", () => {
  const own = { force: { type: "boolean", short: "f" }, passwd: { type: "string", short: "p" } } as const;
  const { options, rest } = takeSharedFlags(["-qdf", "-pqd", "-qp", "-d", "-xq"], own);
  assert.deepEqual([options.quiet, options.debug], [true, true]);
  assert.deepEqual(rest, ["-f", "-pqd", "-p", "-d", "-xq"]);
});

test("anything else is a bug: exit code 1, with the stack", () => {
  const error = new TypeError("x is not a function");
  assert.equal(exitCodeOf(error), 1);
  assert.match(errorText(error, { debug: false }), /bug in sealer[\s\S]*cli\.test\.ts/);
});

test("the plain reporter tells beginning, progress, end and failure, without control characters", () => {
  const lines: string[] = [];
  let time = 0;
  const report = plainReporter((text) => lines.push(text), { output: false, debug: false, now: () => time });
  report({
    type: "task-started",
    id: "1",
    title: "Send \u001b[31mrootfs\u0007",
    host: "10.0.0.1",
    bytes: 2000,
  });
  time = 11;
  report({ type: "task-advanced", id: "1", bytes: 1000 });
  time = 12;
  report({ type: "task-finished", id: "1", outcome: "done" });
  report({ type: "task-started", id: "2", title: "Join" });
  report({ type: "task-failed", id: "2", message: "Join exited 3\n  last words" });
  assert.deepEqual(lines, [
    "[   0.0s] 10.0.0.1: Send rootfs ... (2.00 kB)\n",
    "[  11.0s] 10.0.0.1: Send rootfs: 1.00 kB of 2.00 kB\n",
    "[  12.0s] 10.0.0.1: Send rootfs: done (12s, 1.00 kB)\n",
    "[  12.0s] Join ...\n",
    "[  12.0s] Join: FAILED: exited 3\n",
  ]);
});

test("figures are short and columns stand under each other", () => {
  assert.deepEqual([0, 999, 1000, 15_200_000, 999_600].map(formatBytes), [
    "0 B",
    "999 B",
    "1.00 kB",
    "15.2 MB",
    "1.00 MB",
  ]);
  assert.deepEqual([0.04, 9.96, 61, 3700].map(formatSeconds), ["0.0s", "10s", "1m01s", "1h01m"]);
  assert.equal(table(["NAME", "SIZE"], [["kubernetes:v1", "3"]]), "NAME           SIZE\nkubernetes:v1  3");
});
