import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { applyLayer } from "./apply-layer.ts";
import { inChunks, tarOf } from "./testing.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

test("on a full disk the old file stays, and nothing is left beside it", async (t) => {
  const disk = smallDisk(t);
  await writeFileAtomic(join(disk, "state"), "old");
  await assert.rejects(writeFileAtomic(join(disk, "state"), Buffer.alloc(2 << 20)), {
    code: "DISK_FULL",
    hint: /space/,
  });
  assert.equal(readFileSync(join(disk, "state"), "utf8"), "old");
  assert.deepEqual(readdirSync(disk), ["state"]);
});

test("a layer that does not fit leaves no part of itself", async (t) => {
  const disk = smallDisk(t);
  const archive = tarOf({ name: "small", body: "x" }, { name: "d/big", body: Buffer.alloc(2 << 20) });
  await assert.rejects(applyLayer(inChunks(archive), join(disk, "root")), {
    code: "DISK_FULL",
    where: "d/big",
  });
  assert.deepEqual(readdirSync(disk), []);
});

/** 1 MB that is really full when it is full. */
function smallDisk(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sealer-files-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path]);
  t.after(() => {
    execFileSync("umount", [path]);
    rmdirSync(path);
  });
  return path;
}
