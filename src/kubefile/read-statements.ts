import { kubefileError } from "./kubefile-error.ts";

/** An instruction's text with its continuation lines joined, before anybody asks what it means. */
export interface Statement {
  readonly line: number;
  readonly column: number;
  readonly word: string;
  readonly rest: string;
  readonly raw: string;
  readonly escapeCharacter: "\\" | "`";
  /** The lines of `RUN <<EOF`, without the terminator. */
  readonly heredoc?: { readonly opening: string; readonly terminator: string; readonly body: string };
}

/**
 * Splits a Kubefile as Docker splits a Dockerfile: comments and empty lines are dropped, inside continuations too; a
 * line goes on where it ends in the escape character, unless that is escaped itself; `# escape=` may choose another.
 */
export function readStatements(text: string, file: string): Statement[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const escapeCharacter = escapeDirective(lines, file);
  const statements: Statement[] = [];
  let position = 0;
  while (position < lines.length) {
    if (isNoise(lines[position]!)) {
      position++;
      continue;
    }
    const start = position;
    const joined = join(lines, start, escapeCharacter, file);
    position = joined.next;
    const statement = split(joined.text, start + 1, escapeCharacter);
    const heredoc = /^run$/i.test(statement.word) ? heredocOf(lines, position, statement, file) : undefined;
    position = heredoc?.next ?? position;
    if (!heredoc) {
      statements.push(statement);
      continue;
    }
    const raw = [statement.raw, ...lines.slice(start + 1, position)].join("\n");
    statements.push({ ...statement, raw, heredoc: heredoc.heredoc });
  }
  return statements;
}

/** Parser directives stand before everything else; `# syntax=` and others mean nothing here and are comments. */
function escapeDirective(lines: readonly string[], file: string): "\\" | "`" {
  for (const [position, line] of lines.entries()) {
    const directive = /^#\s*([a-z]+)\s*=\s*(.+?)\s*$/i.exec(line);
    if (!directive) break;
    if (directive[1]!.toLowerCase() !== "escape") continue;
    if (directive[2] === "\\" || directive[2] === "`") return directive[2];
    throw kubefileError(file, position + 1, `"${directive[2]}" cannot escape`, {
      hint: "The escape directive takes \\ or `.",
    });
  }
  return "\\";
}

function isNoise(line: string): boolean {
  return /^\s*(#|$)/.test(line);
}

function join(lines: readonly string[], start: number, escapeCharacter: string, file: string) {
  const goesOn = escapeCharacter === "\\" ? /(^|[^\\])\\[ \t]*$/ : /(^|[^`])`[ \t]*$/;
  let text = "";
  let position = start;
  for (; position < lines.length; position++) {
    const line = lines[position]!;
    if (position > start && isNoise(line)) continue;
    if (!goesOn.test(line)) return { text: text + line, next: position + 1 };
    text += line.replace(goesOn, "$1");
  }
  throw kubefileError(file, start + 1, "the file ends in the middle of this instruction", {
    hint: `Its last line ends in ${escapeCharacter}: take that away, or write what should follow.`,
  });
}

function split(text: string, line: number, escapeCharacter: "\\" | "`"): Statement {
  const trimmed = text.trim();
  const word = /^\S+/.exec(trimmed)![0];
  return {
    line,
    column: text.length - text.trimStart().length + 1,
    word,
    rest: trimmed.slice(word.length).trim(),
    raw: trimmed,
    escapeCharacter,
  };
}

function heredocOf(lines: readonly string[], from: number, { rest, line }: Statement, file: string) {
  const opening = /(?<=^|\s)<<(-?)(["']?)([A-Za-z_]\w*)\2(?=$|[\s;|&>])/.exec(withoutQuoted(rest));
  if (!opening) return undefined;
  const [whole, dash, , terminator = ""] = opening;
  const plain = (text: string) => (dash ? text.replace(/^\t+/, "") : text);
  const end = lines.findIndex((text, position) => position >= from && plain(text) === terminator);
  if (end < 0) throw kubefileError(file, line, `${whole} is never closed: there is no line "${terminator}"`);
  const body = lines.slice(from, end).map((text) => `${plain(text)}\n`);
  return { next: end + 1, heredoc: { opening: whole, terminator, body: body.join("") } };
}

/** Quoted text cannot open a heredoc, but the quotes of `<<"EOF"` itself stay. */
function withoutQuoted(text: string): string {
  return text.replace(/(?<!<<-?)(["'])(?:\\.|(?!\1).)*\1/g, (quoted) => "_".repeat(quoted.length));
}
