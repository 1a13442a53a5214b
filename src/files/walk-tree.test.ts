import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freeSpace } from "./free-space.ts";
import { hashing } from "./hashing.ts";
import { syncFileSystem } from "./sync-file-system.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { bytesOf, inChunks, scratch } from "./testing.ts";
import { treeSize } from "./tree-size.ts";
import { walkTree } from "./walk-tree.ts";

test("tells folders before what is in them, by the bytes of their names, and follows no link", async (t) => {
  const root = await scratch(t);
  mkdirSync(join(root, "b/d"), { recursive: true });
  for (const name of ["b/d/1", "b/c", "a", "B", "\u{1f600}", "\uffee"]) writeFileSync(join(root, name), "");
  symlinkSync("/etc", join(root, "link"));
  symlinkSync(".", join(root, "b/loop"));

  const entries = await Array.fromAsync(
    walkTree(root),
    ({ path, stat }) => path + (stat.isDirectory() ? "/" : ""),
  );

  assert.deepEqual(entries, [
    "B",
    "a",
    "b/",
    "b/c",
    "b/d/",
    "b/d/1",
    "b/loop",
    "link",
    "\uffee",
    "\u{1f600}",
  ]);
});

test("does not look into a folder that is declined, and refuses what is no folder", async (t) => {
  const root = await scratch(t);
  mkdirSync(join(root, "a/b"), { recursive: true });
  const entries = await Array.fromAsync(walkTree(root, { descend: () => false }), ({ path }) => path);
  assert.deepEqual(entries, ["a"]);
  symlinkSync("a", join(root, "link"));
  await assert.rejects(Array.fromAsync(walkTree(join(root, "link"))), {
    code: "FILE_INVALID",
    where: /link$/,
  });
  await assert.rejects(Array.fromAsync(walkTree(join(root, "none"))), { code: "FILE_NOT_FOUND" });
});

test("refuses a tree that is deeper than what can be unpacked, and closes what it opened", async (t) => {
  const root = await scratch(t);
  const part = `${"d/".repeat(120)}`;
  execFileSync("sh", ["-ec", `cd ${root}; for i in 1 2 3; do mkdir -p ${part}; cd ${part}; done`]);
  const open = readdirSync("/proc/self/fd").length;
  await assert.rejects(Array.fromAsync(walkTree(root)), { code: "PATH_UNSAFE", message: /255 folders deep/ });
  assert.equal(readdirSync("/proc/self/fd").length, open);
});

test("measures a tree, a file with two names once", async (t) => {
  const root = await scratch(t);
  mkdirSync(join(root, "d"));
  writeFileSync(join(root, "a"), "12345");
  writeFileSync(join(root, "d/b"), "123");
  linkSync(join(root, "a"), join(root, "d/a"));
  assert.equal(await treeSize(root), 8);
});

test("tells the free space of a disk", async (t) => {
  const root = await scratch(t);
  assert.ok((await freeSpace(root)) > 0);
  await assert.rejects(freeSpace(join(root, "none")), { code: "FILE_NOT_FOUND" });
  await syncFileSystem(root);
  await assert.rejects(syncFileSystem(join(root, "none")));
});

test("hashes what passes and counts it", async () => {
  const counted: number[] = [];
  const stream = hashing(inChunks(Buffer.from("hello"), 3), (length) => counted.push(length));
  assert.equal((await bytesOf(stream)).toString(), "hello");
  assert.deepEqual([stream.size, counted], [5, [3, 2]]);
  assert.equal(stream.digest, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
});

test("a temporary folder is ours alone, and goes with all that is in it", async (t) => {
  const root = await scratch(t);
  {
    await using temporary = await temporaryDirectory(root, "build-");
    assert.match(temporary.path, /\/build-[^/]+$/);
    mkdirSync(join(temporary.path, "a/b"), { recursive: true });
    assert.equal(execFileSync("stat", ["-c", "%a", temporary.path], { encoding: "utf8" }), "700\n");
  }
  assert.deepEqual(readdirSync(root), []);
  await assert.rejects(temporaryDirectory(join(root, "none"), "x"), { code: "FILE_NOT_FOUND" });
});
