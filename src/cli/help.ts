import type { Command } from "./command.ts";
import type { Flags } from "./flag.ts";
import { sharedFlags } from "./shared-flags.ts";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: string;
}

/** The page that `sealer` and `sealer --help` print. */
export function overview(entries: readonly CommandEntry[]): string {
  const width = Math.max(...entries.map(({ name }) => name.length));
  const groups = [...new Set(entries.map(({ group }) => group))];
  const lists = groups.map((group) =>
    [
      `${group}:`,
      ...entries
        .filter((entry) => entry.group === group)
        .map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    ].join("\n"),
  );
  return [
    "sealer seals a whole Kubernetes cluster into one image and runs it on bare hosts.",
    "",
    "Usage: sealer COMMAND [flags]",
    "",
    lists.join("\n\n"),
    "",
    "sealer COMMAND --help tells more about a command.",
  ].join("\n");
}

export function commandHelp({ name, summary, operands, flags, description }: Command): string {
  return [
    `${summary}.`,
    "",
    `Usage: sealer ${name}${operands ? ` ${operands}` : ""} [flags]`,
    ...(description ? ["", description.trim()] : []),
    ...(Object.keys(flags).length > 0 ? ["", "Flags:", ...flagLines(flags)] : []),
    "",
    "Flags of every command:",
    ...flagLines(sharedFlags),
  ].join("\n");
}

function flagLines(flags: Flags): string[] {
  const rows = Object.entries(flags).map(([name, { short, value, type, summary, multiple }]) => {
    const shown = type === "string" ? ` ${value ?? "VALUE"}` : "";
    return {
      left: `  ${short ? `-${short}, ` : "    "}--${name}${shown}`,
      right: `${summary}${multiple ? " (may be repeated)" : ""}`,
    };
  });
  const width = Math.min(40, Math.max(...rows.map(({ left }) => left.length)));
  return rows.map(({ left, right }) => `${left.padEnd(width)}  ${right}`);
}
