import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChallenges } from "./challenge.ts";

for (const [header, expected] of [
  ["Basic", [["basic", {}]]],
  ['Basic realm="a, b"', [["basic", { realm: "a, b" }]]],
  [
    'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
    [["bearer", { realm: "https://a/t", service: "s", scope: "repository:x:pull,push" }]],
  ],
  ["Bearer realm=https://a/t , service = s", [["bearer", { realm: "https://a/t", service: "s" }]]],
  [
    'Negotiate abc==, Basic realm="x", Bearer realm="\\"q\\""',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
      ["bearer", { realm: '"q"' }],
    ],
  ],
  ['BEARER REALM="x", realm="y"', [["bearer", { realm: "x" }]]],
  ['realm="x"', []],
  ["", []],
  [",,, ,", []],
  ['Bearer realm="open', [["bearer", {}]]],
  ["Basic \u0000", [["basic", {}]]],
] as const) {
  test(`reads ${JSON.stringify(header)}`, () => {
    const read = parseChallenges(header).map(({ scheme, parameters }) => [
      scheme,
      Object.fromEntries(parameters),
    ]);
    assert.deepEqual(read, expected);
  });
}
