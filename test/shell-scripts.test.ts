import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

const tracked = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
  cwd: root,
  encoding: "utf8",
})
  .stdout.split("\0")
  .filter((path) => path !== "");

/** By name, or by the first line. */
const shellFiles = tracked.filter(
  (path) => path.endsWith(".sh") || (!/\.\w+$/.test(path) && /^#!.*\b(ba)?sh\b/.test(firstLine(path))),
);

test("shellcheck finds nothing in any shell file of the repository", () => {
  assert.ok(shellFiles.length > 10, `only ${shellFiles.length} shell files were found`);
  const { status, stdout, error } = spawnSync("shellcheck", ["-x", "-P", "SCRIPTDIR", ...shellFiles], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(error, undefined, "shellcheck must be installed: apt-get install shellcheck");
  assert.equal(status, 0, stdout);
});

test("every script that hosts run stops at its first failure", () => {
  const sourced = /\/lib\.sh$/;
  const scripts = shellFiles.filter((path) => path.startsWith("clusterimages/") && !sourced.test(path));
  // These two must go on: one undoes as much as it can, the other must never keep the kubelet from starting.
  const goingOn = /\/(clean|kubelet-pre-start)\.sh$/;
  const strict = (path: string) => readFileSync(join(root, path), "utf8").includes("\nset -euo pipefail\n");
  assert.deepEqual(
    scripts.filter((path) => strict(path) === goingOn.test(path)),
    [],
  );
});

function firstLine(path: string): string {
  try {
    return readFileSync(join(root, path), "utf8").split("\n", 1)[0] ?? "";
  } catch {
    return "";
  }
}
