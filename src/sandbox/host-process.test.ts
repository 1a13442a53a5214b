import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostProcess, killHostProcess } from "./host-process.ts";

const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

test("finds a process by what its boot noted, and kills it", async (t) => {
  const { init, pid } = sleeper(t);
  const started = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[21];
  writeFileSync(init, `${pid} ${started} ${boot}\n`);

  const found = hostProcess(init);
  assert.equal(found?.pid, pid);
  await killHostProcess(found!);
  assert.equal(hostProcess(init), undefined);
});

test("a later process with the same number is not taken for it, nor one of an earlier boot", (t) => {
  const { init, pid } = sleeper(t);
  const started = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[21];
  for (const note of [
    `${pid} 1 ${boot}`,
    `${pid} ${started} 00000000-0000-0000-0000-000000000000`,
    `${pid} ${started}`,
  ]) {
    writeFileSync(init, `${note}\n`);
    assert.equal(hostProcess(init), undefined, note);
  }
});

test("a note that is missing or empty names no process", (t) => {
  const { init } = sleeper(t);
  assert.equal(hostProcess(init), undefined);
  writeFileSync(init, "");
  assert.equal(hostProcess(init), undefined);
});

function sleeper(t: TestContext): { init: string; pid: number } {
  const folder = mkdtempSync(join(tmpdir(), "init-"));
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  t.after(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  return { init: join(folder, "init"), pid: child.pid! };
}
