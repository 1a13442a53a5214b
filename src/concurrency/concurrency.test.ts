import assert from "node:assert/strict";
import { test } from "node:test";
import { mapLimited, retry, SingleFlight } from "./index.ts";

test("runs no more than the limit at a time and keeps the order", async () => {
  let running = 0;
  let most = 0;
  const results = await mapLimited([5, 1, 3, 2, 4], 2, async (item) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, item));
    running--;
    return item * 2;
  });
  assert.deepEqual(results, [10, 2, 6, 4, 8]);
  assert.equal(most, 2);
});

test("stops the others when one fails, and throws that failure", async () => {
  const started: number[] = [];
  await assert.rejects(
    mapLimited([1, 2, 3, 4], 1, async (item) => {
      started.push(item);
      if (item === 2) throw new Error("no");
    }),
    { message: "no" },
  );
  assert.deepEqual(started, [1, 2]);
});

test("repeats what is worth repeating, and nothing else", async () => {
  const worthRetrying = (error: unknown) => (error as Error).message === "again";
  const attempts: number[] = [];
  const result = await retry(
    async (attempt) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error("again");
      return "done";
    },
    { attempts: 5, delay: 1, worthRetrying },
  );
  assert.deepEqual([result, attempts], ["done", [1, 2, 3]]);
  await assert.rejects(
    retry(() => Promise.reject(new Error("never")), { attempts: 5, delay: 1, worthRetrying }),
    { message: "never" },
  );
});

test("shares one run among callers of the same key", async () => {
  const flight = new SingleFlight<string, number>();
  let runs = 0;
  const work = async () => ++runs;
  assert.deepEqual(await Promise.all([flight.run("a", work), flight.run("a", work)]), [1, 1]);
  assert.equal(await flight.run("a", work), 2);
});
