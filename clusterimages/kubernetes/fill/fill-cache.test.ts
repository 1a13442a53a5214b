import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "#files";
import { FillCache } from "./fill-cache.ts";

test("makes a folder once for the same inputs, and again for others", async () => {
  await using root = await temporaryDirectory(tmpdir(), "cache-");
  const cache = new FillCache(root.path, () => {});
  let made = 0;
  const make = (folder: string) => writeFile(join(folder, "file"), String(++made));

  const one = await cache.folder("thing", ["a", "b"], make);
  const same = await cache.folder("thing", ["a", "b"], make);
  const other = await cache.folder("thing", ["a", "c"], make);

  assert.equal(same, one);
  assert.equal(await readFile(join(one, "file"), "utf8"), "1");
  assert.equal(await readFile(join(other, "file"), "utf8"), "2");
});

test("keeps nothing of what could not be made", async () => {
  await using root = await temporaryDirectory(tmpdir(), "cache-");
  const cache = new FillCache(root.path, () => {});

  await assert.rejects(
    cache.folder("thing", [], async (folder) => {
      await writeFile(join(folder, "file"), "half");
      throw new Error("no");
    }),
    /no/,
  );

  assert.deepEqual(await readdir(root.path), []);
});

test("keeps the newest two of each name", async () => {
  await using root = await temporaryDirectory(tmpdir(), "cache-");
  const cache = new FillCache(root.path, () => {});
  await cache.folder("another", [], async () => {});
  const folders: string[] = [];
  for (const input of ["1", "2", "3"]) folders.push(await cache.folder("thing", [input], async () => {}));

  const left = (await readdir(root.path)).map((name) => join(root.path, name));

  assert.equal(left.length, 3);
  assert.ok(!left.includes(folders[0] ?? ""));
});
