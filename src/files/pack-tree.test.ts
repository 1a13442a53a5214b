import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { PackOptions } from "./pack-entries.ts";
import { packTree } from "./pack-tree.ts";
import { readTar } from "./read-tar.ts";
import { bytesOf, inChunks, scratch } from "./testing.ts";
import { buildOddTree } from "./testing-trees.ts";

test("the same tree gives the same bytes, whenever and in whatever order it was made", async (t) => {
  const folder = await scratch(t);
  const one = buildOddTree(join(folder, "one"), { longNames: true });
  const other = join(folder, "other");
  execFileSync("cp", ["-a", one, other]);
  for (const name of readdirSync(other, { encoding: "buffer" }).reverse()) {
    const path = Buffer.concat([Buffer.from(`${other}/`), name]);
    renameSync(path, join(folder, "moved"));
    renameSync(join(folder, "moved"), path);
  }
  utimesSync(join(other, "empty"), 1, 1);
  assert.ok((await bytesOf(packTree(one))).equals(await bytesOf(packTree(other))));
});

test("packs names in the order of their bytes, folders with a slash and before what is in them", async (t) => {
  const root = await tree(t, ["b/1", "b-c", "B", "\u00e9", "a/z/y"]);
  assert.deepEqual(await names(root), ["B", "a/", "a/z/", "a/z/y", "b/", "b/1", "b-c", "\u00e9"]);
});

test("writes chunks of 1 MB and whole records of plain ustar where that is enough", async (t) => {
  const root = await tree(t, ["f"]);
  writeFileSync(join(root, "big"), Buffer.alloc(3_000_000, "x"));
  const chunks = await Array.fromAsync(packTree(root));
  assert.deepEqual(chunks.map(({ length }) => length).slice(0, -1), [1 << 20, 1 << 20]);
  assert.ok(!Buffer.concat(chunks).includes("PaxHeaders"));
});

test("takes only what is selected, and does not look into what is not", async (t) => {
  const root = await tree(t, ["keep/a", "keep/b", "drop/a", "deep/x/a", "deep/y"]);
  const looked: string[] = [];
  const select: PackOptions["select"] = (path) => {
    looked.push(path);
    if (path.startsWith("deep") && !path.includes("/")) return "descend";
    return !path.startsWith("drop") && !path.endsWith("b");
  };
  assert.deepEqual(await names(root, { select }), [
    "deep/",
    "deep/x/",
    "deep/x/a",
    "deep/y",
    "keep/",
    "keep/a",
  ]);
  assert.ok(!looked.includes("drop/a"));
});

test("a folder to look into is packed only if something in it is", async (t) => {
  const root = await tree(t, ["a/b/c/yes", "a/b/no", "d/e/no"]);
  const select: PackOptions["select"] = (path, stat) =>
    stat.isDirectory() ? "descend" : path.endsWith("yes");
  assert.deepEqual(await names(root, { select }), ["a/", "a/b/", "a/b/c/", "a/b/c/yes"]);
});

test("puts the tree below a prefix, and the root in it when asked", async (t) => {
  const root = await tree(t, ["a"]);
  assert.deepEqual(await names(root, { prefix: "etc/conf" }), ["etc/conf/a"]);
  assert.deepEqual(await names(root, { prefix: "/etc/", includeRoot: true }), ["etc/", "etc/a"]);
  assert.deepEqual(await names(root, { includeRoot: true }), ["./", "a"]);
});

test("packs a single file or link under the prefix", async (t) => {
  const root = await tree(t, ["a"]);
  symlinkSync("/etc/shadow", join(root, "link"));
  assert.deepEqual(await names(join(root, "a"), { prefix: "etc/other" }), ["etc/other"]);
  const [link] = await Array.fromAsync(readTar(packTree(join(root, "link"), { prefix: "l" })));
  assert.deepEqual([link?.type, link?.linkname?.toString()], ["symlink", "/etc/shadow"]);
  await assert.rejects(names(join(root, "none"), { prefix: "x" }), { code: "FILE_NOT_FOUND" });
});

test("follows no link: not below the root, and not the root itself", async (t) => {
  const root = await tree(t, ["real/f"]);
  symlinkSync("/etc", join(root, "l"));
  const entries = await Array.fromAsync(readTar(packTree(root)), ({ path, type }) => `${type} ${path}`);
  assert.deepEqual(entries, ["symlink l", "directory real/", "file real/f"]);
});

test("a folder that is swapped for a link while we walk leads nowhere", async (t) => {
  const root = await tree(t, ["a/1", "m/secret", "z"]);
  const outside = await tree(t, ["secret"]);
  const select: PackOptions["select"] = (path) => {
    if (path !== "m") return true;
    renameSync(join(root, "m"), join(root, "moved"));
    symlinkSync(outside, join(root, "m"));
    return true;
  };
  await assert.rejects(names(root, { select }), {
    code: "FILE_INVALID",
    message: /cannot read the folder m/,
  });
});

test("a file that is swapped while we walk is not read", async (t) => {
  const root = await tree(t, ["f"]);
  for (const swap of [
    () => symlinkSync("/etc/passwd", join(root, "f")),
    () => execFileSync("mkfifo", [join(root, "f")]),
    () => writeFileSync(join(root, "f"), "other"),
  ]) {
    const select: PackOptions["select"] = (path) => {
      if (path === "f") {
        renameSync(join(root, "f"), join(root, "was-f"));
        swap();
      }
      return true;
    };
    await assert.rejects(names(root, { select }), { code: "FILE_INVALID", where: /^f/ });
    execFileSync("mv", [join(root, "was-f"), join(root, "f")]);
  }
});

test("refuses devices, fifos and names that layers keep for whiteouts; leaves sockets out", async (t) => {
  const root = await tree(t, ["f"]);
  const server = createServer().listen(join(root, "socket"));
  t.after(() => server.close());
  assert.deepEqual(await names(root), ["f"]);
  execFileSync("mkfifo", [join(root, "pipe")]);
  await assert.rejects(names(root), { code: "PATH_UNSAFE", where: "pipe" });
  assert.deepEqual(await names(root, { select: (path) => path !== "pipe" }), ["f"]);
  writeFileSync(join(root, ".wh.f"), "");
  await assert.rejects(names(root), { code: "PATH_UNSAFE", where: ".wh.f" });
});

test("hard links among what is packed are kept, whatever else links there", async (t) => {
  const root = await tree(t, ["a", "sub/c"]);
  execFileSync("ln", [join(root, "a"), join(root, "b")]);
  execFileSync("ln", [join(root, "sub/c"), join(root, "skipped")]);
  const entries = await Array.fromAsync(
    readTar(packTree(root, { prefix: "p", select: (path) => path !== "skipped" })),
    ({ path, type, linkname }) => `${type} ${path} ${linkname ?? ""}`,
  );
  assert.deepEqual(entries, ["file p/a ", "hardlink p/b p/a", "directory p/sub/ ", "file p/sub/c "]);
});

test("names the file that cannot be read", { concurrency: false }, async (t) => {
  const root = await tree(t, ["d/closed"]);
  chmodSync(root, 0o755);
  chmodSync(join(root, "d/closed"), 0);
  const program = `process.setgroups([]); process.setgid(65534); process.setuid(65534);
    const { packTree } = await import(${JSON.stringify(import.meta.resolve("./pack-tree.ts"))});
    try { for await (const _ of packTree(${JSON.stringify(root)})); } catch (error) { console.log(error.code, error.message); }`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  assert.match(said, /^FILE_INVALID cannot read d\/closed: permission denied/);
});

test("stops when it is told to, and closes what it opened", async (t) => {
  const root = await tree(t, ["a/b/c", "d"]);
  const open = readdirSync("/proc/self/fd").length;
  await assert.rejects(bytesOf(packTree(root, { signal: AbortSignal.abort() })), { name: "AbortError" });
  writeFileSync(join(root, "a/big"), Buffer.alloc(5 << 20));
  for await (const _ of packTree(root)) break;
  assert.equal(readdirSync("/proc/self/fd").length, open);
});

async function tree(t: TestContext, files: readonly string[]): Promise<string> {
  const root = await scratch(t);
  for (const path of files) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), path);
  }
  return root;
}

async function names(root: string, options: PackOptions = {}): Promise<string[]> {
  const bytes = await bytesOf(packTree(root, options));
  return Array.fromAsync(readTar(inChunks(bytes)), ({ path }) => path);
}
