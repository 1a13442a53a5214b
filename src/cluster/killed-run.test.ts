import assert from "node:assert/strict";
import { test } from "node:test";
import { killRuns } from "../../test/kills/kill-runs.ts";

/* `npm run soak` does it at every moment. */
test("killed at any moment, the same run again ends in the same cluster", async () => {
  const kills = await killRuns({ first: 3, every: 6 });

  assert.ok(kills >= 2, `only ${kills} runs were killed`);
});
