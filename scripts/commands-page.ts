import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandsPage } from "#cli";
import { allCommands } from "../src/commands/all-commands.ts";

/** Writes docs/commands.md. */
const commands = await Promise.all(
  allCommands.map(async (entry) => ({ entry, command: await entry.load() })),
);
await writeFile(join(import.meta.dirname, "../docs/commands.md"), commandsPage(commands));
