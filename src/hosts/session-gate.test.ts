import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { SessionGate } from "./session-gate.ts";

test("lets eight in, and the next when one has left", async () => {
  const gate = new SessionGate();
  const leave = await Promise.all(Array.from({ length: 8 }, () => gate.enter()));
  let entered = false;
  const ninth = gate.enter().then(() => {
    entered = true;
  });

  await turn();
  assert.equal(entered, false);
  leave[0]?.();
  leave[0]?.();
  await ninth;
  assert.equal(entered, true);
});

test("lets one try again when all that are inside were refused at once", async () => {
  const gate = new SessionGate();
  const leave = await Promise.all(Array.from({ length: 3 }, () => gate.enter()));
  const waiting = [gate.refused(), gate.refused()];

  assert.equal(await gate.refused(), false);

  leave[0]?.();
  assert.deepEqual(await Promise.all(waiting), [true, true]);
});

test("stops waiting when the signal aborts", async () => {
  const gate = new SessionGate();
  await Promise.all(Array.from({ length: 8 }, () => gate.enter()));
  const stop = new AbortController();
  const waiting = gate.enter(stop.signal);
  stop.abort(new Error("enough"));

  await assert.rejects(waiting, { message: "enough" });
});
