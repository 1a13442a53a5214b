import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { applyLayer } from "./apply-layer.ts";
import { packOverlayUpper } from "./pack-overlay-upper.ts";
import { packTree } from "./pack-tree.ts";
import { readTar } from "./read-tar.ts";
import { bytesOf, inChunks, scratch } from "./testing.ts";
import { listTree } from "./testing-trees.ts";

test("what a command does to an overlay is, as a layer, the same for whoever applies it", async (t) => {
  const base = await scratch(t);
  const at = (path: string) => join(base, path);
  for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(at(name));
  shell(
    at("lower"),
    `mkdir -p d/sub e/f g "sp ace"; touch a b d/1 d/sub/2 e/f/3 g/4 "sp ace/5"; ln -s a l; touch "$(printf 'odd\\\\\\n\\377name')"`,
  );
  execFileSync("cp", ["-a", at("lower"), at("applied")]);
  const options = `lowerdir=${at("lower")},upperdir=${at("upper")},workdir=${at("work")},redirect_dir=off,metacopy=off,index=off`;
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", options, at("merged")]);
  const expected = await (async () => {
    try {
      shell(
        at("merged"),
        `rm a l; rm "$(printf 'odd\\\\\\n\\377name')"; rm -r d; mkdir d; touch d/new; rm e/f/3; rm -r "sp ace"; mkdir "sp ace"; touch b; ln b b2
        chmod 4711 g/4; rm -r g/4; mkdir g/4; touch g/4/x; mv e/f e/moved; mkdir -p new/deep`,
      );
      return await normalised(at("merged"));
    } finally {
      execFileSync("umount", [at("merged")]);
    }
  })();

  const layer = await bytesOf(packOverlayUpper(at("upper")));
  await applyLayer(inChunks(layer), at("applied"));

  assert.deepEqual(await normalised(at("applied")), expected);
  const marks = (await Array.fromAsync(readTar(inChunks(layer)), ({ path }) => path)).filter((path) =>
    path.includes(".wh."),
  );
  assert.deepEqual(
    marks.filter((path) => path.endsWith(".wh..wh..opq")),
    ["d/.wh..wh..opq", "g/4/.wh..wh..opq", "sp ace/.wh..wh..opq"],
  );
  assert.ok(marks.includes(".wh.a") && marks.includes("e/.wh.f"));
});

test("is packTree where nothing was removed", async (t) => {
  const upper = await scratch(t);
  shell(upper, "mkdir d; echo x > d/f; setfattr -n user.note -v 1 d/f");
  assert.ok(
    (await bytesOf(packOverlayUpper(upper, { prefix: "p" }))).equals(
      await bytesOf(packTree(upper, { prefix: "p" })),
    ),
  );
});

test("refuses an upper folder whose content is partly in lower ones", async (t) => {
  const upper = await scratch(t);
  writeFileSync(join(upper, "f"), "");
  shell(upper, "setfattr -n trusted.overlay.metacopy f");
  await assert.rejects(bytesOf(packOverlayUpper(upper)), { code: "FILE_INVALID", where: "f" });
});

test("understands whiteouts that are files with an attribute, and those of user mounts", async (t) => {
  const upper = await scratch(t);
  shell(
    upper,
    "mkdir d; touch d/gone; setfattr -n trusted.overlay.whiteout d/gone; mkdir e; setfattr -n user.overlay.opaque -v y e",
  );
  const names = await Array.fromAsync(readTar(packOverlayUpper(upper)), ({ path }) => path);
  assert.deepEqual(names, ["d/", "d/.wh.gone", "e/", "e/.wh..wh..opq"]);
});

function shell(cwd: string, script: string): void {
  execFileSync("sh", ["-euc", script], { cwd });
}

/** Times differ between copying up and unpacking; owners and times of layers are ours. */
async function normalised(root: string): Promise<object[]> {
  return (await listTree(root)).map(({ mtime: _, ...entry }) => entry);
}
