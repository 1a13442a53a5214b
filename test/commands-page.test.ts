import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandsPage } from "#cli";
import { allCommands } from "../src/commands/all-commands.ts";

const root = join(import.meta.dirname, "..");
const commands = await Promise.all(
  allCommands.map(async (entry) => ({ entry, command: await entry.load() })),
);

test("docs/commands.md says what the commands declare", () => {
  const page = readFileSync(join(root, "docs/commands.md"), "utf8");
  assert.equal(page, commandsPage(commands), "run: npm run docs");
});

test("every command is listed under its own name and summary, and shows an example", () => {
  for (const { entry, command } of commands) {
    assert.deepEqual([entry.name, entry.summary], [command.name, command.summary]);
    assert.match(command.description ?? "", new RegExp(`(^|\\n) *sealer ${command.name}\\b`), command.name);
  }
});
