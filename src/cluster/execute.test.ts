import assert from "node:assert/strict";
import { test } from "node:test";
import { SealerError } from "#errors";
import { noProgress, type ProgressEvent } from "#progress";
import { type ExecuteOptions, execute } from "./execute.ts";
import type { JournalEntry } from "./journal.ts";
import { stepsFailed } from "./steps-failed.ts";

test("a step begins as soon as what it needs is done, not before", async () => {
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const steps = [step("slow"), step("quick"), step("after-quick", "quick"), step("after-slow", "slow")];

  await execute(
    steps,
    async ({ id }) => {
      if (id === "slow") await gate.promise;
      order.push(id);
      if (id === "after-quick") gate.resolve();
    },
    options(),
  );

  assert.deepEqual(order, ["quick", "after-quick", "slow", "after-slow"]);
});

test("needs that are not among the steps are taken as done", async () => {
  const { done } = await execute([step("join", "init")], async () => {}, options());

  assert.deepEqual(
    done.map(({ id }) => id),
    ["join"],
  );
});

test("a failure keeps only those back that need it, and every cause is told", async () => {
  const steps = [
    step("a@10.0.0.1"),
    step("b@10.0.0.1", "a@10.0.0.1"),
    step("c@10.0.0.1", "b@10.0.0.1"),
    step("a@10.0.0.2"),
    step("b@10.0.0.2", "a@10.0.0.2"),
  ];
  const hosts: string[] = [];

  const execution = await execute(
    steps,
    async ({ id, host }) => {
      if (id === "a@10.0.0.1") {
        throw new SealerError("HOST_COMMAND_FAILED", "10.0.0.1: no space left\nlast line", {
          hint: "Make room.",
        });
      }
      hosts.push(host);
    },
    options(),
  );
  const error = stepsFailed(execution, "Run it again.");

  assert.deepEqual(hosts, ["10.0.0.2", "10.0.0.2"]);
  assert.equal(error.code, "STEPS_FAILED");
  assert.equal(
    error.message,
    "1 step failed (2 steps done, 2 steps could not begin):\n  10.0.0.1: do a@10.0.0.1: no space left\n  last line",
  );
  assert.equal(error.hint, "Make room.\nRun it again.");
});

test("no more steps run at once than the limit, and uploads have their own", async () => {
  const steps = [
    ...Array.from({ length: 6 }, (_, i) => step(`upload${i}`)),
    ...[step("x"), step("y"), step("z")],
  ];
  let uploads = 0;
  let all = 0;
  const most = { uploads: 0, all: 0 };

  await execute(
    steps,
    async ({ id }) => {
      const upload = id.startsWith("upload") ? 1 : 0;
      all++;
      uploads += upload;
      most.all = Math.max(most.all, all);
      most.uploads = Math.max(most.uploads, uploads);
      await new Promise((resolve) => setImmediate(resolve));
      all--;
      uploads -= upload;
    },
    options({
      limit: 4,
      limitOf: ({ id }) => (id.startsWith("upload") ? { name: "uploads", limit: 2 } : undefined),
    }),
  );

  assert.deepEqual(most, { all: 4, uploads: 2 });
});

test("when it is interrupted nothing more begins, and what runs is waited for", async () => {
  const controller = new AbortController();
  const reason = new SealerError("INTERRUPTED", "stopped");
  const ended: string[] = [];

  const execution = execute(
    [step("a"), step("b", "a")],
    async ({ id }) => {
      controller.abort(reason);
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(id);
    },
    options({ signal: controller.signal }),
  );

  await assert.rejects(execution, reason);
  assert.deepEqual(ended, ["a"]);
});

test("the journal tells before and after each step, the events who does what", async () => {
  const journal: JournalEntry[] = [];
  const events: ProgressEvent[] = [];

  await execute(
    [step("a@10.0.0.1")],
    async () => {
      assert.deepEqual(journal, [{ event: "step-started", step: "a@10.0.0.1" }]);
    },
    options({
      journal: { append: async (entry) => void journal.push(entry) },
      progress: (event) => events.push(event),
    }),
  );

  assert.deepEqual(
    journal.map(({ event }) => event),
    ["step-started", "step-done"],
  );
  assert.deepEqual(events, [
    { type: "task-started", id: "a@10.0.0.1", title: "do a@10.0.0.1", host: "10.0.0.1" },
    { type: "task-finished", id: "a@10.0.0.1", outcome: "done" },
  ]);
});

function step(id: string, ...needs: string[]) {
  return { id, title: `do ${id}`, host: id.split("@")[1] ?? "here", needs, bytes: 0 };
}

function options(
  change: Partial<ExecuteOptions<ReturnType<typeof step>>> = {},
): ExecuteOptions<ReturnType<typeof step>> {
  return { journal: { append: async () => {} }, progress: noProgress, limit: 30, ...change };
}
