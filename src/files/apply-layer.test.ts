import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ApplyOptions, applyLayer } from "./apply-layer.ts";
import { packTree } from "./pack-tree.ts";
import { bytesOf, inChunks, pax, type RawEntry, scratch, tarOf } from "./testing.ts";
import { buildOddTree, listTree } from "./testing-trees.ts";

const formats = ["gnu", "pax", "ustar", "oldgnu"] as const;

for (const format of formats) {
  test(`unpacks what GNU tar packs as ${format} just as GNU tar does`, async (t) => {
    const folder = await scratch(t);
    const tree = buildOddTree(join(folder, "tree"), { longNames: format !== "ustar" });
    const archive = execFileSync(
      "tar",
      [`--format=${format}`, "--numeric-owner", "-cf", "-", "-C", tree, "."],
      big,
    );

    const { files } = await applyLayer(inChunks(archive, 10_000), join(folder, "ours"));

    mkdirSync(join(folder, "theirs"));
    execFileSync("tar", ["-xpf", "-", "--same-owner", "--numeric-owner", "-C", join(folder, "theirs")], {
      ...big,
      input: archive,
    });
    const theirs = await listTree(join(folder, "theirs"));
    assert.ok(theirs.length > 60);
    assert.deepEqual(await listTree(join(folder, "ours")), theirs);
    assert.equal(files, theirs.length + 1);
  });
}

test("GNU tar reads what we pack, with everything in it", async (t) => {
  const folder = await scratch(t);
  const tree = buildOddTree(join(folder, "tree"), { longNames: true });
  const archive = await bytesOf(packTree(tree, { mtime: 12345, uid: 5, gid: 2_097_152 }));
  mkdirSync(join(folder, "theirs"));
  execFileSync("tar", ["-xpf", "-", "--same-owner", "--numeric-owner", "-C", join(folder, "theirs")], {
    ...big,
    input: archive,
  });
  await applyLayer(inChunks(archive), join(folder, "ours"));

  const expected = (await listTree(tree)).map((entry) => ({
    ...entry,
    uid: 5,
    gid: 2_097_152,
    mtime: 12345,
  }));
  assert.deepEqual(await listTree(join(folder, "theirs")), expected);
  assert.deepEqual(await listTree(join(folder, "ours")), expected);
});

const big = { maxBuffer: 64 << 20 };
const file = (name: string, body = "x"): RawEntry => ({ name, body });
const folder = (name: string): RawEntry => ({ name: `${name}/`, type: "5" });
const whiteout = (name: string): RawEntry => ({ name });

async function apply(root: string, entries: readonly RawEntry[], options: ApplyOptions = {}) {
  return applyLayer(inChunks(tarOf(...entries)), root, options);
}

test("a whiteout removes what lower layers left: a file, a link, a whole folder", async (t) => {
  const root = await scratch(t);
  await apply(root, [file("a"), file("d/e/f"), { name: "l", type: "2", linkname: "d" }, file("stays")]);
  await apply(root, [
    whiteout(".wh.a"),
    whiteout(".wh.d"),
    whiteout(".wh.l"),
    whiteout(".wh.never-there"),
    whiteout("no/.wh.folder"),
  ]);
  assert.deepEqual(readdirSync(root), ["stays"]);
});

test("row 12: an opaque folder loses what lower layers left, and keeps what its own layer brings, before or after", async (t) => {
  const root = await scratch(t);
  await apply(root, [file("d/lower"), file("d/sub/lower"), file("d/both"), file("other/lower")]);
  await apply(root, [
    file("d/before"),
    file("d/sub/before"),
    file("d/both", "new"),
    whiteout("d/.wh..wh..opq"),
    file("d/after"),
  ]);
  assert.deepEqual(namesBelow(root), [
    "d",
    "d/after",
    "d/before",
    "d/both",
    "d/sub",
    "d/sub/before",
    "other",
    "other/lower",
  ]);
  assert.equal(readFileSync(join(root, "d/both"), "utf8"), "new");
});

test("an opaque root loses all that lower layers left", async (t) => {
  const root = await scratch(t);
  await apply(root, [file("lower/f"), file("g")]);
  await apply(root, [file("own"), whiteout(".wh..wh..opq")]);
  assert.deepEqual(readdirSync(root), ["own"]);
});

test("a whiteout spares what its own layer brings, in any order", async (t) => {
  const root = await scratch(t);
  await apply(root, [file("d/lower"), file("f", "lower")]);
  await apply(root, [file("d/own"), whiteout(".wh.d"), file("f", "own"), whiteout(".wh.f")]);
  assert.deepEqual(namesBelow(root), ["d", "d/own", "f"]);
  assert.equal(readFileSync(join(root, "f"), "utf8"), "own");
});

test("folders that are only implied belong to root and look the same every time", async (t) => {
  const root = await scratch(t);
  await apply(root, [{ ...file("a/b/c"), uid: 7 }]);
  for (const name of ["a", "a/b"]) {
    const { mode, uid, mtimeMs } = statSync(join(root, name));
    assert.deepEqual([mode & 0o7777, uid, mtimeMs], [0o755, 0, 0]);
  }
});

test("sets the root's own mode and time when the layer names it", async (t) => {
  const root = await scratch(t);
  await apply(root, [{ name: "./", type: "5", mode: 0o751, mtime: 99 }, file("f")]);
  const { mode, mtimeMs } = statSync(root);
  assert.deepEqual([mode & 0o7777, mtimeMs], [0o751, 99_000]);
});

test("row 15: keeps the user's extended attributes and tells which others are dropped", async (t) => {
  const root = await scratch(t);
  const warnings: string[] = [];
  const xattrs = {
    "SCHILY.xattr.user.note": Buffer.from([0, 255, 10, 61]),
    "SCHILY.xattr.user.empty": "",
    "SCHILY.xattr.security.capability": "root",
    "SCHILY.xattr.trusted.overlay.opaque": "y",
    "SCHILY.xattr.user.overlay.opaque": "y",
  };
  const name = "odd \\ name\n\u00e9=";
  await apply(root, [pax(xattrs), file(name), pax(xattrs), folder("d")], {
    onWarning: (message) => warnings.push(message),
  });
  for (const path of [name, "d"]) {
    assert.deepEqual(xattrsOf(join(root, path)), ["user.empty=0s", "user.note=0sAP8KPQ=="]);
  }
  assert.equal(warnings.length, 2);
  assert.match(
    warnings[1]!,
    /^d\/: .*dropped: security\.capability, trusted\.overlay\.opaque, user\.overlay\.opaque$/,
  );
});

test("an attribute does not land on what later took its file's place", async (t) => {
  const root = await scratch(t);
  const note = pax({ "SCHILY.xattr.user.note": "1" });
  await apply(root, [
    file("victim"),
    note,
    file("a"),
    { name: "a", type: "2", linkname: "victim" },
    folder("e"),
    file("e/f"),
    note,
    file("d/f"),
    { name: "d", type: "2", linkname: "e" },
  ]);
  assert.deepEqual(xattrsOf(join(root, "victim")), []);
  assert.deepEqual(xattrsOf(join(root, "e/f")), []);
});

test("writes whiteouts for overlayfs, which then hides what the layer says", async (t) => {
  const base = await scratch(t);
  const [lower, layer, again, mount] = ["lower", "layer", "again", "mount"].map((name) =>
    join(base, name),
  ) as [string, string, string, string];
  const below = [
    file("gone"),
    file("folder/gone"),
    file("opaque/gone"),
    file("remade/gone"),
    file("implied/gone"),
    file("both/gone"),
    file("stays"),
  ];
  const above = [
    whiteout(".wh.gone"),
    whiteout(".wh.folder"),
    file("opaque/own"),
    whiteout("opaque/.wh..wh..opq"),
    whiteout(".wh.remade"),
    folder("remade"),
    whiteout(".wh.implied"),
    file("implied/own"),
    file("both/own"),
    whiteout(".wh.both"),
  ];
  await apply(lower, below);
  await apply(layer, above, { keepWhiteouts: "overlay" });
  await apply(again, below);
  await apply(again, above);

  mkdirSync(mount);
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", `ro,lowerdir=${layer}:${lower}`, mount]);
  try {
    const seen = namesBelow(mount);
    assert.deepEqual(seen, [
      "both",
      "both/own",
      "implied",
      "implied/own",
      "opaque",
      "opaque/own",
      "remade",
      "stays",
    ]);
    assert.deepEqual(seen, namesBelow(again));
  } finally {
    execFileSync("umount", [mount]);
  }
  assert.ok(lstatSync(join(layer, "gone")).isCharacterDevice());
  assert.ok(!readdirSync(layer).some((name) => name.startsWith(".wh.")));
  await assert.rejects(apply(join(base, "x"), [whiteout(".wh..wh..opq")], { keepWhiteouts: "overlay" }), {
    code: "PATH_UNSAFE",
  });
});

test("works for a user who is not root, into folders that this user may not write", async (t) => {
  const base = await scratch(t);
  const archive = tarOf(
    { name: "d/", type: "5", mode: 0o500, uid: 5 },
    file("d/f"),
    { name: "d/e/", type: "5", mode: 0 },
    file("d/e/g"),
  );
  const program = `
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    const { applyLayer } = await import(${JSON.stringify(import.meta.resolve("./apply-layer.ts"))});
    const bytes = Buffer.from(${JSON.stringify(archive.toString("base64"))}, "base64");
    await applyLayer(new Blob([bytes]).stream(), ${JSON.stringify(join(base, "open/root"))}, { ownership: "current" });`;
  execFileSync("chmod", ["755", base]);
  mkdirSync(join(base, "open"));
  execFileSync("chmod", ["777", join(base, "open")]);
  execFileSync(process.execPath, ["--input-type=module", "-e", program]);
  assert.equal(readFileSync(join(base, "open/root/d/e/g"), "utf8"), "x");
  const { mode, uid } = statSync(join(base, "open/root/d"));
  assert.deepEqual([mode & 0o7777, uid], [0o500, 65534]);
});

function namesBelow(root: string): string[] {
  return (readdirSync(root, { recursive: true }) as string[]).sort();
}

function xattrsOf(path: string): string[] {
  const dump = execFileSync(
    "getfattr",
    ["-h", "-d", "-m", "-", "-e", "base64", "--absolute-names", "--", path],
    { encoding: "utf8" },
  );
  return dump
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("# file: "))

    .sort();
}
