import { Composer, type Document, isScalar, Lexer, LineCounter, type ParsedNode, Parser } from "yaml";
import { SealerError } from "#errors";
import { plainValue } from "./plain-value.ts";

export interface YamlDocument {
  /** Maps are objects without a prototype, so that a key such as `__proto__` is a key like any other. */
  readonly value: unknown;
  /** The line, from 1, of the value at `path`; of its nearest ancestor where there is none. */
  lineOf(path: readonly (string | number)[]): number;
  /** The tree with its comments, for edits: `String(document)` writes it back. */
  readonly document: Document.Parsed<ParsedNode>;
}

export interface YamlOptions {
  /** How messages name the text: `Clusterfile`, `manifests/app.yaml`. */
  readonly file: string;
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  /** How deep collections may nest; default 100. */
  readonly maxDepth?: number;
}

/**
 * Reads YAML 1.2 with merge keys, one or several documents; documents without content are left out.
 * @throws YAML_INVALID with `file:line:column`, for syntax errors, unknown tags, duplicate keys, tabs as indentation,
 * NUL bytes, text that is too long or too deep, and aliases that would grow without bound
 */
export function parseYaml(text: string, options: YamlOptions): YamlDocument[] {
  const lines = new LineCounter();
  refuseOversized(text, options);
  const tokens = tokenize(text, lines, options);
  const documents: YamlDocument[] = [];
  const composer = new Composer<ParsedNode>({
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
  });
  for (const document of composer.compose(tokens, false, text.length)) {
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault) throw invalid(explain(fault.code, fault.message), options.file, lines.linePos(fault.pos[0]));
    if (isEmpty(document)) continue;
    documents.push({
      document,
      value: readValue(document, options.file),
      lineOf: (path) => lineOf(document, lines, path),
    });
  }
  return documents;
}

function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || (isScalar(contents) && contents.source === "" && contents.type === "PLAIN");
}

function refuseOversized(text: string, { file, maxBytes = 1 << 20 }: YamlOptions): void {
  if (Buffer.byteLength(text) > maxBytes) {
    throw new SealerError("YAML_INVALID", `${file} is larger than ${maxBytes >> 10} kB`, { where: file });
  }
}

/** Depth is watched while the tokens come: the parser keeps its own stack, but what follows it recurses. */
function tokenize(text: string, lines: LineCounter, { file, maxDepth = 100 }: YamlOptions) {
  const nul = text.indexOf("\0");
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > maxDepth + 2) {
      throw invalid(`collections are nested deeper than ${maxDepth}`, file, lines.linePos(parser.offset));
    }
  }
  tokens.push(...parser.end());
  if (nul >= 0) throw invalid("there is a NUL byte in it", file, lines.linePos(nul));
  return tokens;
}

function readValue(document: Document.Parsed, file: string): unknown {
  try {
    return plainValue(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new SealerError("YAML_INVALID", `${file}: its aliases refer to too much, or to themselves`, {
      where: file,
      hint: "Write the repeated parts out.",
      cause: error,
    });
  }
}

function lineOf(document: Document.Parsed, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as ParsedNode | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return lines.linePos(document.contents?.range[0] ?? 0).line;
}

function explain(code: string, message: string): string {
  switch (code) {
    case "DUPLICATE_KEY":
      return "a key stands twice in one map";
    case "TAB_AS_INDENT":
      return "tabs cannot indent YAML; use blanks";
    default:
      return message.replace(/\.?\s+at line \d+, column \d+:?[\s\S]*$/, "");
  }
}

function invalid(why: string, file: string, { line, col }: { line: number; col: number }): SealerError {
  return new SealerError("YAML_INVALID", `not valid YAML: ${why}`, { where: `${file}:${line}:${col}` });
}
