import assert from "node:assert/strict";
import { test } from "node:test";
import { findCommand } from "./find-command.ts";

const commands = ["images", "registry serve", "sandbox list", "sandbox start"].map((name) => ({
  name,
  summary: "",
  group: "",
}));

test("a command is found by one word or two, and the rest is left", () => {
  const { entry, rest } = findCommand(["sandbox", "list", "--format", "json"], commands);
  assert.equal(entry.name, "sandbox list");
  assert.deepEqual(rest, ["--format", "json"]);
});

test("a wrong word behind a family's name is named, with the nearest right one", () => {
  assert.throws(() => findCommand(["registry", "serv"], commands), {
    message: 'there is no command "registry serv"',
    hint: 'Did you mean "registry serve"?',
  });
  assert.throws(() => findCommand(["sandbox", "xyzzy"], commands), {
    hint: "There are sealer sandbox list, sealer sandbox start.",
  });
  assert.throws(() => findCommand(["sandbox"], commands), { message: "sandbox needs to know what to do" });
});

test("an unknown flag before the command is not taken for a command", () => {
  assert.throws(() => findCommand(["--rot", "/x", "images"], commands), {
    message: "there is no flag --rot before the command",
    hint: "Did you mean --root?",
  });
  assert.throws(() => findCommand(["imags"], commands), { hint: 'Did you mean "images"?' });
});
