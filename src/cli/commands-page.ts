import type { Command } from "./command.ts";
import type { Flags } from "./flag.ts";
import type { CommandEntry } from "./help.ts";
import { sharedFlags } from "./shared-flags.ts";

/** What can go wrong with a group's commands, beside 0, 1, 2 and 130. */
const furtherExitCodes: Readonly<Record<string, string>> = {
  Images: "3 (an image or a registry)",
  Clusters: "3 (an image or a registry), 4 (a host or the cluster), 5 (another run holds the cluster)",
  "Sandbox hosts": "4 (a host)",
};

/** docs/commands.md: every command as it declares itself. */
export function commandsPage(
  commands: readonly { readonly entry: CommandEntry; readonly command: Command }[],
): string {
  const groups = [...new Set(commands.map(({ entry }) => entry.group))];
  return [
    "# Commands",
    "",
    "Made from the commands' own declarations by `npm run docs`; a test compares them. Change those, not this page.",
    "",
    "A result goes to stdout; progress, warnings and errors go to stderr. With `--format json` stdout is one JSON value",
    "and nothing else. With `--progress json` every line of stderr is a JSON object: an event, or at the end",
    "`{error: {code, message, where, hint, cause}}`.",
    "",
    "Letters may stand together (`-qd`), values after a blank or `=`, and words after `--` are never flags.",
    "",
    "| exit code | means |",
    "|---|---|",
    "| 0 | done |",
    "| 1 | a bug in sealer; its stack is shown |",
    "| 2 | the input: flags, Kubefile, a file that is missing or cannot be read |",
    "| 3 | an image or a registry: not found, refused, damaged, unreachable; a full disk |",
    "| 4 | a host or the cluster |",
    "| 5 | another run holds the cluster |",
    "| 130 | interrupted |",
    "",
    "## Flags of every command",
    "",
    ...flagTable(sharedFlags),
    ...groups.flatMap((group) => [
      "",
      `## ${group}`,
      ...commands.filter(({ entry }) => entry.group === group).flatMap(section),
    ]),
    "",
  ].join("\n");
}

function section({ entry, command }: { readonly entry: CommandEntry; readonly command: Command }): string[] {
  const { name, summary, operands, description, flags, json } = command;
  const further = furtherExitCodes[entry.group];
  return [
    "",
    `### ${name}`,
    "",
    `${summary}.`,
    "",
    `    sealer ${[name, operands, "[flags]"].filter(Boolean).join(" ")}`,
    ...(description === undefined ? [] : ["", ...description.trim().split("\n").map(asMarkdown)]),
    ...(Object.keys(flags).length === 0 ? [] : ["", ...flagTable(flags)]),
    "",
    json === undefined ? "It prints no JSON result." : `JSON: \`${json}\``,
    ...(further === undefined ? [] : ["", `Exit codes beside 0, 1, 2 and 130: ${further}.`]),
  ];
}

/** Examples are indented by two blanks in help, and by four in Markdown. */
function asMarkdown(line: string, position: number): string {
  if (position === 0 && line.startsWith("sealer ")) return `    ${line}`;
  return line.startsWith("  ") ? `  ${line}` : line;
}

function flagTable(flags: Flags): string[] {
  return [
    "| flag | |",
    "|---|---|",
    ...Object.entries(flags).map(([name, { short, type, value, multiple, aliases = [], summary }]) => {
      const shown = [
        ...(short ? [`-${short}`] : []),
        `--${name}`,
        ...aliases.map((alias) => `--${alias}`),
      ].join(", ");
      const text = `${type === "string" ? `${shown} ${value ?? "VALUE"}` : shown}`;
      return `| \`${text.replaceAll("|", "\\|")}\` | ${summary.replaceAll("|", "\\|")}${multiple ? " (may be repeated)" : ""} |`;
    }),
  ];
}
