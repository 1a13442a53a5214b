import assert from "node:assert/strict";
import { test } from "node:test";
import { expandVariables } from "./index.ts";

const values: Record<string, string> = { A: "apple", EMPTY: "", B: "two words" };
const scope = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined);

for (const [text, expanded] of [
  ["plain", "plain"],
  ["$A/$A", "apple/apple"],
  ["${A}s", "apples"],
  ["$As", ""],
  ["$NONE.", "."],
  ["${NONE:-pear}", "pear"],
  ["${EMPTY:-pear}", "pear"],
  ["${EMPTY-pear}", ""],
  ["${NONE-pear}", "pear"],
  ["${A:-pear}", "apple"],
  ["${A:+yes}", "yes"],
  ["${NONE:+yes}", ""],
  ["${EMPTY:+yes}", ""],
  ["${EMPTY+yes}", "yes"],
  ["${NONE:-${A}}", "apple"],
  ["${NONE:-'a}b'}", "a}b"],
  ['"$B"', "two words"],
  ["'$A'", "$A"],
  ["\\$A", "$A"],
  ['"\\$A \\n"', "$A \\n"],
  ['a"b c"d', "ab cd"],
  ["$(id)", "$(id)"],
  ["`id`", "`id`"],
  ["${NONE:-$(id)}", "$(id)"],
  ["100$", "100$"],
  ["$ A", "$ A"],
  ["a\\ b", "a b"],
  ["end\\", "end\\"],
] as const) {
  test(`${text} becomes ${expanded || "nothing"}`, () =>
    assert.equal(expandVariables(text, scope), expanded));
}

test("another escape character leaves backslashes alone", () => {
  assert.equal(expandVariables("c:\\x`$A", scope, "`"), "c:\\x$A");
});

for (const [text, why] of [
  ["'open", /quote/],
  ['"open', /quote/],
  ["${A", /closing/],
  ["${A:-x", /closing/],
  ["${}", /name of a variable/],
  ["${A%x}", /only/],
  ["${NONE:?say it}", /NONE: say it/],
] as const) {
  test(`refuses ${text}`, () => assert.throws(() => expandVariables(text, scope), { message: why }));
}
