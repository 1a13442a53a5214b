import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runcInFront, serviceOnlyFolder } from "./runc-in-front.ts";

const everything = "1ffffffffff";
const withoutSysResource = "1fffeffffff";

const wishes = {
  process: {
    args: ["echo", "CAP_SYS_RESOURCE", '"bounding":["CAP_SYS_RESOURCE"]'],
    oomScoreAdj: -998,
    capabilities: {
      bounding: ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"],
      effective: ["CAP_SYS_RESOURCE"],
      inheritable: ["CAP_SYS_RESOURCE", "CAP_CHOWN"],
      permitted: ["CAP_CHOWN", "CAP_SYS_RESOURCE"],
      ambient: [],
    },
  },
};
const lowered = {
  process: {
    args: wishes.process.args,
    oomScoreAdj: 0,
    capabilities: {
      bounding: ["CAP_CHOWN", "CAP_KILL"],
      effective: [],
      inheritable: ["CAP_CHOWN"],
      permitted: ["CAP_CHOWN"],
      ambient: [],
    },
  },
};

for (const [style, indent] of [
  ["compact", 0],
  ["indented", 2],
] as const) {
  test(`lowers what a container wishes to what is allowed (${style} JSON)`, (t) => {
    const { run, write, read } = machine(t, withoutSysResource);
    write("config.json", JSON.stringify(wishes, undefined, indent));

    const { stdout } = run("--root", "/run/x", "create", "--bundle", "BUNDLE", "--pid-file", "/p", "id1");

    assert.match(stdout, /^real runc: --root \/run\/x create --bundle .* id1\n$/);
    assert.deepEqual(read("config.json"), lowered);
  });
}

test("lowers what a process in a container wishes", (t) => {
  const { run, write, read } = machine(t, withoutSysResource);
  write("process.json", JSON.stringify(wishes.process));
  run("exec", "--process=BUNDLE/process.json", "id1");
  assert.deepEqual(read("process.json"), lowered.process);
});

test("a score at or above our own stays", (t) => {
  const { run, write, read } = machine(t, withoutSysResource, "-500");
  write("config.json", JSON.stringify({ process: { oomScoreAdj: -300 } }));
  run("run", "-b", "BUNDLE", "id1");
  assert.deepEqual(read("config.json"), { process: { oomScoreAdj: -300 } });
});

test("changes nothing where the capability is there, nor for other commands", (t) => {
  const able = machine(t, everything);
  able.write("config.json", JSON.stringify(wishes));
  able.run("create", "--bundle", "BUNDLE", "id1");
  assert.deepEqual(able.read("config.json"), wishes);

  const unable = machine(t, withoutSysResource);
  unable.write("config.json", JSON.stringify(wishes));
  unable.run("delete", "--bundle", "BUNDLE", "id1");
  assert.deepEqual(unable.read("config.json"), wishes);
});

test("says that there is no runc where none is behind it", (t) => {
  const { run, remove } = machine(t, everything);
  remove("bin");
  const { status, stderr } = run("--version");
  assert.equal(status, 127);
  assert.match(stderr, /runc: not found/);
});

/** The script, told of a machine with these capabilities, with a real runc behind it in PATH. */
function machine(t: TestContext, capabilities: string, oomScore = "0") {
  const folder = mkdtempSync(join(tmpdir(), "runc-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["front", "bin", "bundle"]) mkdirSync(join(folder, name));
  const path = (name: string) => join(folder, "bundle", name);
  writeFileSync(path("status"), `CapEff:\t0\nCapBnd:\t${capabilities}\n`);
  writeFileSync(path("score"), `${oomScore}\n`);
  const script = runcInFront
    .replaceAll("/proc/self/status", path("status"))
    .replaceAll("/proc/self/oom_score_adj", path("score"))
    .replaceAll(serviceOnlyFolder, join(folder, "front"))
    .replaceAll(" /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin", "");
  writeFileSync(join(folder, "front/runc"), script, { mode: 0o755 });
  writeFileSync(join(folder, "bin/runc"), '#!/bin/sh\necho "real runc: $*"\n', { mode: 0o755 });
  const tools = "/usr/bin:/bin";
  return {
    write: (name: string, text: string) => writeFileSync(path(name), text),
    read: (name: string) => JSON.parse(readFileSync(path(name), "utf8")),
    remove: (name: string) => rmSync(join(folder, name), { recursive: true }),
    run: (...argv: string[]) =>
      spawnSync(
        join(folder, "front/runc"),
        argv.map((word) => word.replace("BUNDLE", join(folder, "bundle"))),
        { encoding: "utf8", env: { PATH: `${folder}/front:${folder}/bin:${tools}` } },
      ),
  };
}
