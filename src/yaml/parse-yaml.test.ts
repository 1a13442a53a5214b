import assert from "node:assert/strict";
import { test } from "node:test";
import { SealerError } from "#errors";
import { parseYaml, stringifyYaml, stringifyYamlDocuments } from "./index.ts";

const file = "Clusterfile";

test("reads several documents and leaves out empty ones", () => {
  const documents = parseYaml("a: 1\n---\n# nothing\n---\nb: [x, y]\n", { file });
  assert.deepEqual(
    documents.map(({ value }) => JSON.stringify(value)),
    ['{"a":1}', '{"b":["x","y"]}'],
  );
});

test("knows the line of every value, in every document", () => {
  const [, second] = parseYaml("a: 1\n---\nspec:\n  hosts:\n  - ips: [1]\n  - ips:\n    - 2\n", { file });
  assert.equal(second!.lineOf(["spec", "hosts", 1, "ips", 0]), 7);
  assert.equal(second!.lineOf(["spec", "hosts", 1, "nothing"]), 6);
  assert.equal(second!.lineOf([]), 3);
});

test("reads YAML 1.2: NO is a string and 010 is ten", () => {
  const [document] = parseYaml("country: NO\nmode: 010\ntime: 12:30:45\n", { file });
  assert.deepEqual({ ...(document!.value as object) }, { country: "NO", mode: 10, time: "12:30:45" });
});

test("keys such as __proto__ are keys like any other", () => {
  const [document] = parseYaml("__proto__: {polluted: true}\nconstructor: 1\n", { file });
  const value = document!.value as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor"]);
  assert.equal(Object.getPrototypeOf(value), null);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test("merge keys and aliases work", () => {
  const [document] = parseYaml("base: &b {x: 1}\nuse:\n  <<: *b\n  y: 2\n", { file });
  assert.equal(JSON.stringify(document!.value), '{"base":{"x":1},"use":{"x":1,"y":2}}');
});

const aliasBomb = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from(
  { length: 9 },
  (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(",")}]\n`,
).join("")}`;

for (const [what, text, where, why] of [
  ["a syntax error", "a: 1\nb: [1, 2\n", /^Clusterfile:[23]:\d+$/, /YAML/],
  ["a duplicate key", "a: 1\nb: 2\na: 3\n", /^Clusterfile:3:1$/, /twice/],
  ["tabs as indentation", "a:\n\tb: 1\n", /^Clusterfile:2:\d+$/, /tabs/],
  ["an unknown tag", "a: !!js/function 'x'\n", /^Clusterfile:1:4$/, /tag/i],
  ["a local tag", "a: !ruby x\n", /^Clusterfile:1:4$/, /tag/i],
  ["a NUL byte", "a: 1\nb: x\0y\n", /^Clusterfile:2:5$/, /NUL/],
  ["an alias bomb", aliasBomb, /^Clusterfile$/, /aliases/],
  ["an alias to itself", "a: &a [*a]\n", /^Clusterfile/, /alias/i],
  ["an unknown alias", "a: *b\n", /^Clusterfile/, /alias/i],
  ["100 000 open brackets", "[".repeat(100_000), /^Clusterfile:1:\d+$/, /deeper/],
  [
    "5000 nested blocks",
    Array.from({ length: 5000 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
    /^Clusterfile/,
    /deeper|larger/,
  ],
  ["deep dashes on one line", `${"- ".repeat(3000)}x\n`, /^Clusterfile:1:\d+$/, /deeper/],
  ["more than a megabyte", `a: ${"x".repeat(1 << 20)}\n`, /^Clusterfile$/, /larger/],
] as const) {
  test(`refuses ${what}, telling where`, () => {
    assert.throws(
      () => parseYaml(text, { file }),
      (error) => {
        assert.ok(error instanceof SealerError);
        assert.equal(error.code, "YAML_INVALID");
        assert.match(error.where ?? "", where);
        assert.match(error.message, why);
        return true;
      },
    );
  });
}

test("a merge bomb is refused or read at once, but never grows", () => {
  const keys = Array.from({ length: 3000 }, (_, i) => `k${i}: 1`).join(", ");
  const text = `a: &a {${keys}}\nb:\n  <<: [${Array(3000).fill("*a").join(", ")}]\n`;
  assert.throws(() => parseYaml(text, { file }), { code: "YAML_INVALID" });
});

test("edits keep comments", () => {
  const [document] = parseYaml("# why\na: 1 # here\nb: 2\n", { file });
  document!.document.setIn(["b"], 3);
  assert.equal(stringifyYamlDocuments([document!.document]), "# why\na: 1 # here\nb: 3\n");
});

test("what is written can be read again", () => {
  const value = { text: "a: b # c", list: [1, true, null], long: "word ".repeat(50) };
  assert.equal(JSON.stringify(parseYaml(stringifyYaml(value), { file })[0]!.value), JSON.stringify(value));
});
