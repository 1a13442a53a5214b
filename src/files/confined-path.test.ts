import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { confinedPath, readConfinedFile } from "./confined-path.ts";
import { packTree } from "./pack-tree.ts";
import { readTar } from "./read-tar.ts";
import { bytesOf, scratch } from "./testing.ts";

test("reads files as if the root were /, whatever the links say", async (t) => {
  const root = await rootWithLinks(t);
  for (const path of [
    "etc/conf",
    "/etc/conf",
    "./etc//conf",
    "absolute",
    "up",
    "dir/conf",
    "chain",
    "dir/../etc/conf",
  ]) {
    if (path.includes("..")) {
      assert.throws(() => readConfinedFile(root, path), { code: "PATH_UNSAFE" });
      continue;
    }
    assert.equal(readConfinedFile(root, path)?.toString(), "inside", path);
    assert.equal(confinedPath(root, path), join(root, "etc/conf"));
  }
  assert.equal(confinedPath(root, "dir"), join(root, "etc"));
  assert.equal(confinedPath(root, "/"), join(root, "."));
  assert.equal(confinedPath(root, "above"), join(root, "."));
});

test("says that what is not there, or only outside, is not there", async (t) => {
  const root = await rootWithLinks(t);
  for (const path of ["none", "none/below", "outside", "dangling"]) {
    assert.equal(readConfinedFile(root, path), undefined, path);
    assert.equal(confinedPath(root, path), undefined, path);
  }
});

test("refuses circles, folders, fifos and files that are too large", async (t) => {
  const root = await rootWithLinks(t);
  execFileSync("mkfifo", [join(root, "pipe")]);
  assert.throws(() => confinedPath(root, "circle"), { code: "PATH_UNSAFE", message: /circle/ });
  for (const path of ["etc", "pipe"])
    assert.throws(() => readConfinedFile(root, path), { code: "FILE_INVALID" });
  assert.throws(() => readConfinedFile(root, "etc/conf", { limit: 5 }), {
    code: "FILE_INVALID",
    message: /more than 5 bytes/,
  });
});

test("packs a path below a folder without leaving it by a link", async (t) => {
  const root = await rootWithLinks(t);
  const packed = async (path: string) =>
    Array.fromAsync(
      readTar(packTree(path, { confinedTo: root, prefix: "p" })),
      async (entry) => `${entry.type} ${entry.path} ${await bytesOf(entry.body)}`,
    );
  assert.deepEqual(await packed("etc"), ["file p/conf inside"]);
  assert.deepEqual(await packed("/dir/conf"), ["file p inside"]);
  assert.deepEqual(await packed("outside"), ["symlink p "]);
  await assert.rejects(packed("away/victim"), { code: "FILE_NOT_FOUND" });
  await assert.rejects(packed("../victim"), { code: "PATH_UNSAFE" });
});

/** `<jail>/victim` lies beside the root; every link that seems to reach it ends inside. */
async function rootWithLinks(t: TestContext): Promise<string> {
  const jail = await scratch(t);
  const root = join(jail, "root");
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(jail, "victim"), "outside");
  writeFileSync(join(root, "etc/conf"), "inside");
  const links = {
    absolute: "/etc/conf",
    up: "../../etc/conf",
    dir: "/etc",
    chain: "dir/../absolute",
    above: "..",
    outside: "../victim",
    away: jail,
    dangling: "/none",
    circle: "circle2",
    circle2: "circle",
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
  return root;
}
