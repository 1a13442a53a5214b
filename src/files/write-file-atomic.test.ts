import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeDirectory } from "./make-directory.ts";
import { scratch } from "./testing.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

test("replaces a file whole, with exactly the mode asked for, and leaves nothing beside it", async (t) => {
  const folder = await scratch(t);
  const path = join(folder, "state.json");
  await writeFileAtomic(path, "old");

  await writeFileAtomic(path, Buffer.from("new"), { mode: 0o666, durable: false });

  assert.equal(await readFile(path, "utf8"), "new");
  assert.equal((await stat(path)).mode & 0o7777, 0o666);
  assert.deepEqual(await readdir(folder), ["state.json"]);
});

test("replaces a link and not what it points to", async (t) => {
  const folder = await scratch(t);
  await writeFile(join(folder, "victim"), "untouched");
  await symlink("victim", join(folder, "link"));

  await writeFileAtomic(join(folder, "link"), "ours");

  assert.equal(await readFile(join(folder, "victim"), "utf8"), "untouched");
  assert.equal(await readFile(join(folder, "link"), "utf8"), "ours");
});

test("names the file that cannot be written, and leaves no half file", async (t) => {
  const folder = await scratch(t);
  await mkdir(join(folder, "taken"));
  await assert.rejects(writeFileAtomic(join(folder, "taken"), "x"), {
    code: "FILE_INVALID",
    message: /taken: /,
  });
  await assert.rejects(writeFileAtomic(join(folder, "none/x"), "x"), {
    code: "FILE_NOT_FOUND",
    where: /none\/x/,
  });
  assert.deepEqual(await readdir(folder), ["taken"]);
});

test("takes names as long as the file system does", async (t) => {
  const path = join(await scratch(t), "é".repeat(127));
  await writeFileAtomic(path, "long");
  assert.equal(await readFile(path, "utf8"), "long");
});

test("makes the folders that are missing, with their mode, and leaves those that are there", async (t) => {
  const folder = await scratch(t);
  await makeDirectory(join(folder, "a/b"), { mode: 0o700 });
  await makeDirectory(join(folder, "a/b/c"), { mode: 0o777 });
  await makeDirectory(join(folder, "a/b"), { mode: 0o755 });

  const modes = await Promise.all(
    ["a", "a/b", "a/b/c"].map(async (name) => (await stat(join(folder, name))).mode & 0o777),
  );
  assert.deepEqual(modes, [0o700, 0o700, 0o777]);
});

test("does not take a file for a folder", async (t) => {
  const folder = await scratch(t);
  await writeFile(join(folder, "file"), "");
  await assert.rejects(makeDirectory(join(folder, "file")), { code: "FILE_INVALID" });
  await assert.rejects(makeDirectory(join(folder, "file/below")), { code: "FILE_INVALID" });
});
