import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "./flags.ts";

const flags = {
  masters: { type: "string", short: "m", aliases: ["master"], summary: "" },
  base: { type: "boolean", summary: "" },
  "build-arg": { type: "string", multiple: true, summary: "" },
  quiet: { type: "boolean", short: "q", summary: "" },
} as const;

test("reads long, short, joined and repeated flags among the words", () => {
  const { values, positionals } = parseFlags(
    ["img", "-m", "10.0.0.1", "--build-arg", "A=1", "--build-arg=B=2", "-q", "--base=false", "--", "-x"],
    flags,
  );
  assert.deepEqual(values, { masters: "10.0.0.1", base: false, "build-arg": ["A=1", "B=2"], quiet: true });
  assert.deepEqual(positionals, ["img", "-x"]);
});

test("knows a flag by its other names", () => {
  assert.equal(parseFlags(["--master", "a"], flags).values.masters, "a");
});

test("names the nearest flag for one that does not exist", () => {
  assert.throws(() => parseFlags(["--mastres", "x"], flags), {
    code: "USAGE",
    message: "there is no flag --mastres",
    hint: "Did you mean --masters?",
  });
});

test("refuses a flag without its value and a boolean that is neither", () => {
  assert.throws(() => parseFlags(["-m"], flags), { code: "USAGE", message: "-m needs a value" });
  assert.throws(() => parseFlags(["--base=maybe"], flags), { code: "USAGE" });
});
