import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIgnorePatterns } from "./ignore-patterns.ts";

/** Pattern file, paths that stay out, paths that go in. */
const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["", [], ["a", "a/b"]],
  ["a", ["a", "a/b", "a/b/c"], ["b", "b/a", "ab"]],
  ["/a", ["a", "a/b"], ["b/a"]],
  ["a/", ["a", "a/b"], ["b"]],
  ["./a", ["a"], ["b"]],
  ["a/b", ["a/b", "a/b/c"], ["a", "a/c", "x/a/b"]],
  ["a//b", ["a/b"], ["a"]],
  ["a/../b", ["b"], ["a"]],
  ["*.log", ["x.log"], ["d/x.log", "x.logs"]],
  ["*/*.log", ["d/x.log"], ["x.log", "d/e/x.log"]],
  ["**/*.log", ["x.log", "d/x.log", "d/e/x.log"], ["x.txt"]],
  ["**", ["a", "a/b"], []],
  ["**/x", ["x", "a/x", "a/b/x", "x/y"], ["xx", "a/xx"]],
  ["a/**", ["a/b", "a/b/c"], ["a", "b"]],
  ["a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "b/z"]],
  ["*", ["a", ".hidden", "a/b"], []],
  ["?", ["a", "b"], ["ab"]],
  ["a?c", ["abc"], ["ac", "a/c"]],
  ["[ab]c", ["ac", "bc"], ["cc"]],
  ["[a-c]x", ["ax", "cx"], ["dx"]],
  ["[^a]x", ["bx"], ["ax", "/x"]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["a\\[b", ["a[b"], ["ab"]],
  ["a.b", ["a.b"], ["axb"]],
  ["a+b(c)", ["a+b(c)"], ["aab(c)"]],
  ["a$", ["a$"], ["a"]],
  ["# comment\na", ["a"], ["# comment"]],
  [" # not a comment", ["# not a comment"], ["a"]],
  ["  a  ", ["a"], ["  a  "]],
  ["\n\n\na\n", ["a"], ["b"]],
  ["a\r\nb\r\n", ["a", "b"], ["c"]],
  ["\uFEFFa", ["a"], ["b"]],
  ["*\n!a", ["b", "c/d"], ["a", "a/b"]],
  ["*\n!a/b", ["a", "a/c"], ["a/b", "a/b/c"]],
  ["a\n!a/b\na/b/c", ["a", "a/x", "a/b/c"], ["a/b", "a/b/d"]],
  ["!a\na", ["a"], ["b"]],
  ["! a\n", [], ["a"]],
  ["*.md\n!README.md", ["x.md"], ["README.md"]],
  ["**/*.md\n!**/README.md", ["x.md", "d/x.md"], ["README.md", "d/README.md"]],
  ["Kubefile", ["Kubefile"], ["kubefile"]],
  ["größe/*", ["größe/x"], ["grösse/x"]],
];

for (const [patterns, out, inside] of rows) {
  test(`patterns ${JSON.stringify(patterns)}`, () => {
    const { excludedBy } = parseIgnorePatterns(patterns);
    for (const path of out) assert.notEqual(excludedBy(path), undefined, `${path} should stay out`);
    for (const path of inside) assert.equal(excludedBy(path), undefined, `${path} should go in`);
  });
}

for (const line of ["[", "!", "a/[b", "[z-a]"]) {
  test(`refuses the pattern ${line} with its line`, () => {
    assert.throws(() => parseIgnorePatterns(`# first\n${line}\n`), {
      code: "FILE_INVALID",
      where: ".dockerignore:2",
      message: `"${line}" is not a pattern`,
    });
  });
}
