import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

/** The table in ARCHITECTURE.md is the rule: `| module | may import | … |`. */
const mayImport = new Map(
  [...readFileSync(join(root, "ARCHITECTURE.md"), "utf8").matchAll(/^\| `([a-z-]+)` \| ([^|]*) \|/gm)].map(
    ([, module = "", list = ""]) => [module, [...list.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name)],
  ),
);

const imports = globSync("src/*/**/*.ts", { cwd: root }).flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:\bfrom|\bimport|\bimport\() ?"([#.][^"]+)"/g)].map(
    ([, specifier = ""]) => ({ file, specifier }),
  ),
);

test("every module stands in the table and every row of the table is a module", () => {
  const modules = new Set(globSync("src/*/index.ts", { cwd: root }).map(moduleOf));
  modules.add("commands");
  assert.deepEqual([...mayImport.keys()].sort(), [...modules].sort());
});

test("every module imports only what ARCHITECTURE.md lets it", () => {
  assert.ok(imports.length > 0);
  const breaches = imports.filter(({ file, specifier }) => {
    if (file.endsWith(".test.ts")) return false;
    const from = moduleOf(file);
    const to = specifier.startsWith("#") ? specifier.slice(1) : moduleOf(join(dirname(file), specifier));
    return from !== to && !mayImport.get(from)?.includes(to);
  });
  assert.deepEqual(breaches, []);
});

test("modules meet at their front door, `#module`", () => {
  const sideDoors = imports.filter(
    ({ file, specifier }) =>
      specifier.startsWith(".") &&
      moduleOf(join(dirname(file), specifier)) !== moduleOf(file) &&
      !(file.endsWith(".test.ts") && join(dirname(file), specifier).startsWith("test/")),
  );
  assert.deepEqual(sideDoors, []);
});

test("a module needs only modules listed above it, so none of them form a cycle", () => {
  const modules = [...mayImport.keys()];
  for (const [module, allowed] of mayImport) {
    const above = modules.slice(0, modules.indexOf(module));
    assert.deepEqual(
      allowed.filter((name) => !above.includes(name)),
      [],
      module,
    );
  }
});

function moduleOf(path: string): string {
  return path.split("/")[1] ?? "";
}
