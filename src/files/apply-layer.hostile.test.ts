import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ApplyOptions, applyLayer } from "./apply-layer.ts";
import { inChunks, pax, type RawEntry, scratch, tarOf } from "./testing.ts";

/** Every test unpacks into `<jail>/root`; what lies beside it must stay as it is. */
class Jail {
  readonly path: string;
  readonly root: string;
  readonly warnings: string[] = [];

  constructor(path: string) {
    this.path = path;
    this.root = join(path, "root");
    writeFileSync(join(path, "victim"), "untouched");
    mkdirSync(join(path, "outside"));
    writeFileSync(join(path, "outside/victim"), "untouched");
  }

  async unpack(entries: readonly RawEntry[] | Buffer, options: ApplyOptions = {}) {
    const archive = Buffer.isBuffer(entries) ? entries : tarOf(...entries);
    return applyLayer(inChunks(archive), this.root, {
      onWarning: (message) => this.warnings.push(message),
      ...options,
    });
  }

  /** Refused with a message that names the entry; nothing is left behind, in or out. */
  async refuses(
    entries: readonly RawEntry[] | Buffer,
    message: RegExp,
    options: ApplyOptions = {},
  ): Promise<void> {
    await assert.rejects(this.unpack(entries, options), (error: Error & { code: string }) => {
      assert.match(
        error.code,
        /^(TAR_INVALID|PATH_UNSAFE|DIGEST_MISMATCH|DISK_FULL|FILE_INVALID)$/,
        error.message,
      );
      assert.match(error.message, message);
      return true;
    });
    this.assertUntouched();
    assert.ok(!readdirSync(this.path).includes("root"), "the partial tree is removed");
  }

  assertUntouched(): void {
    const beside = readdirSync(this.path).filter((name) => name !== "root");
    assert.deepEqual(beside, ["outside", "victim"]);
    assert.deepEqual(readdirSync(join(this.path, "outside")), ["victim"]);
    for (const name of ["victim", "outside/victim"]) {
      assert.equal(readFileSync(join(this.path, name), "utf8"), "untouched");
      assert.equal(lstatSync(join(this.path, name)).nlink, 1);
    }
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }
}

async function jail(t: TestContext): Promise<Jail> {
  return new Jail(await scratch(t));
}

const file = (name: string, body = "x"): RawEntry => ({ name, body });
const folder = (name: string): RawEntry => ({ name: `${name}/`, type: "5" });
const symlink = (name: string, linkname: string): RawEntry => ({ name, type: "2", linkname });
const hardlink = (name: string, linkname: string): RawEntry => ({ name, type: "1", linkname });

test("row 1: refuses names that lead upwards, in every form", async (t) => {
  const j = await jail(t);
  for (const name of ["../x", "..", "a/../../x", "a/..", "/../x", "./../x"]) {
    await j.refuses([file("ok"), file(name)], /leads upwards/);
    await j.refuses([pax({ path: name }), file("fine")], /leads upwards/);
    await j.refuses([{ name: "././@LongLink", type: "L", body: `${name}\0` }, file("fine")], /leads upwards/);
  }
  await j.refuses([{ ...file("x"), prefix: "../.." }], /leads upwards/);
});

test("row 2: takes absolute names as below the root", async (t) => {
  const j = await jail(t);
  await j.unpack([file("//etc/passwd", "ours"), folder("/")]);
  assert.equal(j.read("etc/passwd"), "ours");
});

test("row 3, 8: a link on the way is followed inside the root only", async (t) => {
  const j = await jail(t);
  await j.unpack([
    symlink("up", ".."),
    file("up/victim", "inside"),
    symlink("deep", "../../../../outside"),
    file("deep/new", "inside"),
    folder("d"),
    symlink("d", `${j.path}/outside`),
    file("d/victim", "inside"),
  ]);
  j.assertUntouched();
  assert.equal(j.read("victim"), "inside");
  assert.equal(j.read("outside/new"), "inside");
  assert.equal(j.read(`.${j.path}/outside/victim`), "inside");
});

test("row 4: a file replaces a link, not what it points to", async (t) => {
  const j = await jail(t);
  await j.unpack([
    symlink("a", "../victim"),
    file("a", "ours"),
    symlink("b", `${j.path}/victim`),
    file("b", "ours"),
  ]);
  j.assertUntouched();
  assert.ok(lstatSync(join(j.root, "a")).isFile());
  assert.equal(j.read("b"), "ours");
});

test("row 5: absolute links are stored as they are", async (t) => {
  const j = await jail(t);
  await j.unpack([symlink("l", "/etc/shadow"), symlink("bin", "/usr/bin"), file("bin/sh", "inside")]);
  assert.equal(readlinkSync(join(j.root, "l")), "/etc/shadow");
  assert.equal(j.read("usr/bin/sh"), "inside");
});

test("row 6: refuses hard links to what is not in the root", async (t) => {
  const j = await jail(t);
  await j.refuses([hardlink("h", "../victim")], /leads upwards/);
  await j.refuses([hardlink("h", `${j.path}/victim`)], /which is not there/);
  await j.refuses([pax({ linkpath: "../victim" }), hardlink("h", "x")], /leads upwards/);
  await j.refuses([pax({ linkpath: "/etc/passwd" }), hardlink("h", "x")], /which is not there/);
  await j.refuses([hardlink("h", "package.json")], /which is not there/);
  await j.refuses([hardlink("h", "")], /link to nothing/);
});

test("row 7: refuses hard links that would leave by a chain of links", async (t) => {
  const j = await jail(t);
  const chain = [symlink("a", ".."), symlink("b", "a/.."), file("victim", "ours")];
  await j.refuses([...chain, hardlink("h", "a/victim")], /leads out of the root/);
  await j.refuses([...chain, hardlink("h", "b/victim")], /leads out of the root/);
  await j.refuses([symlink("a", j.path), hardlink("h", "a/victim")], /which is not there/);
});

test("a hard link to a link is that link, never its target", async (t) => {
  const j = await jail(t);
  await j.unpack([symlink("a", "../victim"), hardlink("h", "a")]);
  j.assertUntouched();
  assert.equal(readlinkSync(join(j.root, "h")), "../victim");
});

test("refuses hard links to folders and to themselves", async (t) => {
  const j = await jail(t);
  await j.refuses([folder("d"), hardlink("h", "d")], /which is no file/);
  await j.refuses([file("f"), hardlink("f", "./f")], /hard link to itself/);
});

test("row 9: names that differ in case or Unicode form are different files", async (t) => {
  const j = await jail(t);
  const names = ["caf\u00e9", "cafe\u0301", "A", "a", "stra\u00dfe", "strasse", "STRASSE"];
  await j.unpack([
    symlink("LINK", ".."),
    folder("link"),
    ...names.map((name) => file(name, name)),
    file("link/f"),
  ]);
  j.assertUntouched();
  for (const name of names) assert.equal(j.read(name), name);
  assert.ok(lstatSync(join(j.root, "link")).isDirectory());
});

test("row 10: refuses whiteouts of nothing that can be", async (t) => {
  const j = await jail(t);
  for (const name of [".wh.", ".wh..", ".wh...", ".wh..wh.x", ".wh..wh.plnk", "d/.wh.", "d/.wh..."]) {
    await j.refuses([file("d/f"), file(name, "")], /whiteout of nothing/);
  }
  await j.refuses([file(".wh.d/f")], /must not begin with \.wh\./);
});

test("row 11: whiteouts and opaque marks through a link stay in the root", async (t) => {
  const j = await jail(t);
  await j.unpack([
    folder("outside"),
    file("outside/lower"),
    symlink("l", "../outside"),
    symlink("m", `${j.path}/outside`),
  ]);
  await j.unpack([file("l/.wh.lower", ""), file("m/.wh.victim", ""), file("m/.wh..wh..opq", "")]);
  await j.unpack([file("l/.wh..wh..opq", "")]);
  j.assertUntouched();
  assert.deepEqual(readdirSync(join(j.root, "outside")), []);
});

test("row 13: refuses devices and fifos", async (t) => {
  const j = await jail(t);
  await j.refuses(
    [{ name: "null", type: "3", device: [1, 3] }],
    /"null" is refused: it is a character device/,
  );
  await j.refuses([{ name: "disk", type: "4", device: [8, 0] }], /block device/);
  await j.refuses([{ name: "pipe", type: "6" }], /it is a fifo/);
  await j.refuses([{ name: "hide", type: "3", device: [0, 0] }], /it is the device 0:0/, {
    devices: "create",
  });
});

test("row 13: makes them where a root unpack is asked for, and never opens them", async (t) => {
  const j = await jail(t);
  const nodes = [
    { name: "dev/null", type: "3", device: [1, 3], mode: 0o666 },
    { name: "disk", type: "4", device: [8, 1], mode: 0o660, gid: 6 },
    { name: Buffer.from("p\xfe", "latin1"), type: "6", mode: 0o620 },
  ] as const;
  await j.unpack(nodes, { devices: "create" });
  await j.unpack([...nodes, { name: "disk", body: "now a file" }], { devices: "create" });
  const device = lstatSync(join(j.root, "dev/null"));
  assert.ok(device.isCharacterDevice());
  assert.deepEqual([device.rdev, device.mode & 0o7777], [0x103, 0o666]);
  assert.equal(j.read("disk"), "now a file");
  const pipe = lstatSync(Buffer.concat([Buffer.from(`${j.root}/p`), Buffer.from([0xfe])]));
  assert.ok(pipe.isFIFO());
});

test("row 14: keeps owners and modes exactly, whatever the umask", async (t) => {
  const j = await jail(t);
  const modes = [0o4755, 0o2711, 0o1777, 0o7777, 0o000, 0o666];
  await j.unpack(
    modes.flatMap((mode) => [
      { name: `f${mode}`, mode, uid: 1234, gid: 4321, body: "x" },
      { name: `d${mode}/`, type: "5", mode, uid: 1234, gid: 4321 },
      { name: `d${mode}/child`, body: "x" },
    ]),
  );
  for (const mode of modes) {
    for (const kind of ["f", "d"]) {
      const stat = lstatSync(join(j.root, `${kind}${mode}`));
      assert.deepEqual([stat.mode & 0o7777, stat.uid, stat.gid], [mode, 1234, 4321]);
    }
  }
  assert.deepEqual(j.warnings, []);
});

test("row 14: with the current owner, setuid goes, and is told", async (t) => {
  const j = await jail(t);
  await j.unpack([{ name: "su", mode: 0o4755, uid: 1234 }], { ownership: "current" });
  const stat = lstatSync(join(j.root, "su"));
  assert.deepEqual([stat.mode & 0o7777, stat.uid], [0o755, process.getuid?.()]);
  assert.match(j.warnings.join(), /su: its setuid or setgid bit is dropped/);
});

test("row 16: keeps the largest ids there are", async (t) => {
  const j = await jail(t);
  await j.unpack([pax({ uid: "4294967294", gid: "4294967294" }), file("f")]);
  assert.equal(lstatSync(join(j.root, "f")).uid, 4294967294);
  await j.unpack([file("f")]);
});

test("row 17-19: a damaged archive leaves no partial tree", async (t) => {
  const j = await jail(t);
  const whole = tarOf(folder("d"), file("d/f", "x".repeat(5000)), file("g"));
  for (const length of [600, 1600, 3000, whole.length - 512])
    await j.refuses(whole.subarray(0, length), /cut off/);
  await j.refuses([file("a"), { ...file("b"), checksumError: 5 }], /at "a": a header's checksum/);
  await j.refuses([file("a"), { name: "b", sizeField: Buffer.alloc(12, 0xff) }], /negative/);
});

test("row 17: an empty root is empty again after a failure, a missing one is missing", async (t) => {
  const j = await jail(t);
  await j.refuses([file("a"), file("../x")], /upwards/);
  mkdirSync(j.root);
  await assert.rejects(j.unpack([folder("d"), file("d/a"), file("../x")]), { code: "PATH_UNSAFE" });
  assert.deepEqual(readdirSync(j.root), []);
});

test("row 20: limits reach the reader", async (t) => {
  const j = await jail(t);
  await j.refuses([pax({ comment: "c".repeat(2 << 20) }), file("a")], /larger than the 1048576/);
  await j.refuses([file("a"), file("b")], /more than the 1 entries/, { limits: { entries: 1 } });
  await j.refuses([file("a", "12345")], /more than the 4 bytes/, { limits: { bytes: 4 } });
});

test("row 21: refuses paths that are too deep and names that are too long", async (t) => {
  const j = await jail(t);
  await j.refuses([pax({ path: `${"d/".repeat(3000)}x` }), file("x")], /more than 255 folders deep/);
  await j.refuses([pax({ path: "n".repeat(5000) }), file("x")], /more than 255 bytes/);
  await j.refuses([pax({ linkpath: "n/".repeat(2500) }), symlink("l", "x")], /more than 4095 bytes/);
  await j.unpack([pax({ path: `${"d/".repeat(254)}f` }), file("x", "deep"), file("n".repeat(100))]);
  assert.equal(j.read(`${"d/".repeat(254)}f`), "deep");
});

test("row 21: refuses depth that is reached by links", async (t) => {
  const j = await jail(t);
  const deep = "d/".repeat(200);
  await j.refuses(
    [
      pax({ path: deep }),
      folder("x"),
      pax({ linkpath: deep }),
      symlink("l", "x"),
      pax({ path: `l/${deep}` }),
      folder("x"),
    ],
    /255 folders deep/,
  );
});

test("row 22: refuses a file that cannot fit before writing it", async (t) => {
  const j = await jail(t);
  await j.refuses([pax({ size: String(2 ** 50) }), { name: "huge", sizeField: "0" }], /does not fit/);
  await j.refuses([pax({ "GNU.sparse.realsize": String(2 ** 40) }), file("sparse")], /sparse/);
});

test("row 23: of duplicate entries the last one wins", async (t) => {
  const j = await jail(t);
  await j.unpack([
    file("a", "one"),
    hardlink("b", "a"),
    file("a", "two"),
    folder("d"),
    { ...folder("d"), mode: 0o711 },
  ]);
  assert.deepEqual([j.read("a"), j.read("b")], ["two", "one"]);
  assert.equal(lstatSync(join(j.root, "d")).mode & 0o777, 0o711);
});

test("row 24: files and folders take each other's place, within a layer and between layers", async (t) => {
  const j = await jail(t);
  await j.unpack([
    folder("a"),
    file("a/b"),
    file("a", "file"),
    folder("a"),
    file("a/c"),
    symlink("s", "a"),
    file("e", "file"),
  ]);
  assert.deepEqual(readdirSync(join(j.root, "a")), ["c"]);
  await j.unpack([file("a", "file again"), folder("s"), file("s/own"), folder("e"), file("e/f")]);
  assert.equal(j.read("a"), "file again");
  assert.deepEqual(readdirSync(join(j.root, "s")), ["own"]);
  assert.equal(j.read("e/f"), "x");
});

test("row 24: refuses to put something into a file", async (t) => {
  const j = await jail(t);
  await j.refuses([file("a"), file("a/b")], /"a" is refused: it is not a folder/);
  await j.refuses([file("."), file("b")], /replace the root/);
});

test("row 25: strange names are taken literally, as bytes", async (t) => {
  const j = await jail(t);
  const names = [
    "new\nline",
    "back\\slash",
    "__proto__",
    "constructor",
    "-rf",
    " ",
    "a\u202eb",
    "*",
    "~",
    "%2e%2e",
  ];
  const bytes = Buffer.from([0x66, 0xff, 0x80]);
  await j.unpack([
    ...names.map((name) => file(name, name)),
    { name: bytes, body: "bytes" },
    { name: Buffer.concat([bytes, Buffer.from("d/")]), type: "5" },
  ]);
  for (const name of names) assert.equal(j.read(name), name);
  assert.ok(readdirSync(j.root, { encoding: "buffer" }).some((name) => name.equals(bytes)));
});

test("row 25: a name cannot steer the terminal that shows it", async (t) => {
  const j = await jail(t);
  await j.refuses([file("\u001b[2Jx/../..")], /^"\\u001b\[2Jx/);
});

test("row 28: refuses links that lead in circles, and chains of more than 40", async (t) => {
  const j = await jail(t);
  await j.refuses([symlink("a", "b"), symlink("b", "a"), file("a/f")], /in a circle/);
  await j.refuses([symlink("a", "a/a"), file("a/f")], /in a circle/);
  const chain = (length: number) => Array.from({ length }, (_, at) => symlink(`l${at}`, `l${at + 1}`));
  await j.refuses([...chain(41), folder("l41"), file("l0/f")], /in a circle/);
  await j.unpack([...chain(40), folder("l40"), file("l0/f")]);
  assert.equal(j.read("l40/f"), "x");
});

test("row 30: refuses a layer that is not the one its image names", async (t) => {
  const j = await jail(t);
  const other = `sha256:${"0".repeat(64)}`;
  await j.refuses([file("a")], new RegExp(`unpacks to sha256:[0-9a-f]{64}, but its image names ${other}`), {
    diffId: other,
  });
});

test("stops when it is told to, and leaves nothing", async (t) => {
  const j = await jail(t);
  const stop = new AbortController();
  async function* archive() {
    yield tarOf(file("a")).subarray(0, 1024);
    stop.abort();
    yield tarOf(file("b"));
  }
  await assert.rejects(applyLayer(archive(), j.root, { signal: stop.signal }), { name: "AbortError" });
  assert.deepEqual(readdirSync(j.path), ["outside", "victim"]);
});

test("closes every file that it opened, whatever happens", async (t) => {
  const j = await jail(t);
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  await j.unpack([folder("a/b/c"), file("a/b/c/f"), hardlink("a/h", "a/b/c/f")]);
  await assert.rejects(j.unpack([folder("a/b/c"), file("a/b/c/g"), file("../x")]));
  await assert.rejects(j.unpack([file("a/b/c/g"), hardlink("a/b/c/g", "a/b/c/g")]));
  assert.equal(open(), before);
});

test("whatever a layer is made of, nothing beside the root is touched", async (t) => {
  const j = await jail(t);
  let state = 7;
  const pick = <Item>(items: readonly Item[]): Item => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return items[Math.floor((state / 2 ** 32) * items.length)]!;
  };
  const parts = ["a", "b", "c", ".", "victim", "outside", ".wh.a", ".wh.b", ".wh..wh..opq", "a/b", "b/c/a"];
  const targets = [
    "..",
    "../..",
    "../victim",
    "../outside",
    "/",
    j.path,
    `${j.path}/outside`,
    "a",
    "b/c",
    "./a/../..",
    "c",
  ];
  const entry = (): RawEntry => {
    const name = pick([
      pick(parts),
      `${pick(parts)}/${pick(parts)}`,
      `${pick(parts)}/${pick(parts)}/${pick(parts)}`,
    ]);
    return {
      name,
      type: pick(["0", "0", "5", "2", "2", "1"]),
      linkname: pick([...parts, ...targets]),
      mode: 0o755,
    };
  };
  let applied = 0;
  for (let round = 0; round < 400; round++) {
    const entries = Array.from({ length: 1 + (round % 8) }, entry);
    try {
      await j.unpack(entries);
      applied++;
    } catch (error) {
      assert.match(String((error as { code?: string }).code), /^(PATH_UNSAFE|TAR_INVALID)$/, `${error}`);
    }
    j.assertUntouched();
    if (round % 40 === 39) execFileSync("rm", ["-rf", j.root]);
  }
  assert.ok(applied > 50);
});
