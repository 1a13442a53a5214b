import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { acquireLock, type Lock } from "./acquire-lock.ts";
import { scratch } from "./testing.ts";

test("lets one in, and tells the second who holds it", async (t) => {
  const path = join(await scratch(t), "lock");
  await using first = await mine(path, { note: "sealer run" });

  const second = await acquireLock(path);

  assert.equal(first.held, false);
  assert.ok(second.held);
  assert.equal(second.by.pid, process.pid);
  assert.equal(second.by.note, "sealer run");
  assert.match(second.by.since, /^\d{4}-\d\d-\d\dT.*Z$/);
});

test("is free again after release, which may be called twice", async (t) => {
  const path = join(await scratch(t), "lock");
  const first = await mine(path);
  await first.release();
  await first.release();
  await (await mine(path)).release();
});

test("readers share, a writer waits for the last of them", async (t) => {
  const path = join(await scratch(t), "lock");
  const readers = [await mine(path, { shared: true }), await mine(path, { shared: true })];
  assert.ok((await acquireLock(path)).held);

  const writer = acquireLock(path, { wait: true });
  for (const reader of readers) await reader.release();

  const lock = await writer;
  assert.ok(!lock.held);
  assert.ok((await acquireLock(path, { shared: true })).held);
  await lock.release();
});

test("gives up after the time it was given", async (t) => {
  const path = join(await scratch(t), "lock");
  await using _first = await mine(path);
  assert.ok((await acquireLock(path, { wait: 30 })).held);
});

test("stops waiting when it is told to, and does not take the lock later", async (t) => {
  const path = join(await scratch(t), "lock");
  const first = await mine(path);
  const stop = new AbortController();
  const waiting = acquireLock(path, { wait: true, signal: stop.signal });
  await sleep(20);
  stop.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  await first.release();
  await (await mine(path)).release();
});

test("a lock whose file was removed while we waited for it does not count", async (t) => {
  const path = join(await scratch(t), "lock");
  const first = await mine(path);
  const second = acquireLock(path, { wait: true });
  await sleep(20);
  await rm(path);
  await using third = await mine(path);
  await first.release();
  await sleep(20);
  await third.release();
  const lock = await second;
  assert.ok(!lock.held);
  assert.ok((await acquireLock(path)).held);
  await lock.release();
});

test("dies with its process", async (t) => {
  const path = join(await scratch(t), "lock");
  const program = `const { acquireLock } = await import(${JSON.stringify(import.meta.resolve("./acquire-lock.ts"))});
    await acquireLock(${JSON.stringify(path)}, { note: "child" });
    console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const before = await acquireLock(path);
  assert.ok(before.held);
  assert.equal(before.by.pid, child.pid);

  child.kill("SIGKILL");
  await once(child, "close");

  await (await mine(path)).release();
});

test("only one of many at once gets in", async (t) => {
  const path = join(await scratch(t), "lock");
  const tries = await Promise.all(Array.from({ length: 20 }, () => acquireLock(path)));
  const locks = tries.filter((lock): lock is Lock => !lock.held);
  assert.equal(locks.length, 1);
  await locks[0]?.release();
});

async function mine(path: string, options = {}): Promise<Lock> {
  const lock = await acquireLock(path, options);
  assert.ok(!lock.held, "the lock is free");
  return lock;
}
