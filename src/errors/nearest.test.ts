import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("finds the word that was probably meant", () => {
  assert.equal(nearest("CPOY", ["FROM", "COPY", "CMD"]), "COPY");
  assert.equal(nearest("maters", ["masters", "nodes"]), "masters");
});

test("says nothing when no word is near", () => {
  assert.equal(nearest("VOLUME", ["FROM", "COPY", "CMD"]), undefined);
  assert.equal(nearest("x", []), undefined);
});
