import { SealerError } from "#errors";

/** Which paths of a build folder stay out of images. */
export interface IgnorePatterns {
  /** The pattern, as written, that keeps `path` out; undefined where it may go in. */
  excludedBy(path: string): string | undefined;
  /** Whether something below an excluded folder may go in nevertheless. */
  readonly hasExceptions: boolean;
}

/**
 * Reads a `.dockerignore` by Docker's rules: one pattern a line, `#` comments, Go's path patterns with `**`, relative
 * to the build folder; a pattern that matches a folder keeps out all that is in it; `!` takes back; the last one wins. `file` is how messages name it.
 * @throws FILE_INVALID with `file:line`
 */
export function parseIgnorePatterns(text: string, file = ".dockerignore"): IgnorePatterns {
  const rules = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .flatMap((line, position) => ruleOf(line, `${file}:${position + 1}`) ?? []);
  return {
    hasExceptions: rules.some(({ negated }) => negated),
    excludedBy(path) {
      const ancestors = ancestorsOf(path);
      const last = rules.findLast(({ regex }) => ancestors.some((ancestor) => regex.test(ancestor)));
      return last && !last.negated ? last.line : undefined;
    },
  };
}

interface Rule {
  readonly line: string;
  readonly regex: RegExp;
  readonly negated: boolean;
}

function ruleOf(written: string, where: string): Rule | undefined {
  if (written.startsWith("#")) return undefined;
  const line = written.trim();
  const negated = line.startsWith("!");
  const pattern = clean(negated ? line.slice(1).trim() : line);
  const regex = pathPattern(pattern);
  if (line === "!" || regex === undefined) {
    throw new SealerError("FILE_INVALID", `"${line}" is not a pattern`, {
      where,
      hint:
        line === "!"
          ? "Write after ! what may go in."
          : "A [ needs its ]; \\[ stands for the character itself.",
    });
  }
  return pattern === "" ? undefined : { line, negated, regex };
}

/** As Go's filepath.Clean does, without the slash in front. */
function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0) parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

/** `a/b/c` is kept out by a pattern for `a`, `a/b` or `a/b/c`. */
function ancestorsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, position) => parts.slice(0, position + 1).join("/"));
}

/** Go's path pattern as a regular expression; `**` stands for any number of folders. Nothing for a broken one. */
export function pathPattern(pattern: string): RegExp | undefined {
  let regex = "";
  for (let position = 0; position < pattern.length; position++) {
    const character = pattern[position]!;
    if (character === "*" && pattern[position + 1] === "*") {
      position++;
      if (pattern[position + 1] === "/") {
        position++;
        regex += "(?:.*/)?";
      } else {
        regex += ".*";
      }
    } else if (character === "*") regex += "[^/]*";
    else if (character === "?") regex += "[^/]";
    else if (character === "\\" && position + 1 < pattern.length) regex += literal(pattern[++position]!);
    else if (character === "[") {
      const end = classEnd(pattern, position);
      if (end < 0) return undefined;
      regex += characterClass(pattern.slice(position + 1, end));
      position = end;
    } else regex += literal(character);
  }
  try {
    return new RegExp(`^${regex}$`, "su");
  } catch {
    return undefined;
  }
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/u, "\\$&");
}

function classEnd(pattern: string, start: number): number {
  for (let position = start + 1; position < pattern.length; position++) {
    if (pattern[position] === "\\") position++;
    else if (pattern[position] === "]" && position > start + 1) return position;
  }
  return -1;
}

function characterClass(inside: string): string {
  const negated = inside.startsWith("^");
  const members = (negated ? inside.slice(1) : inside).replace(
    /\\(.)|[[\]^/&~|(){}]/gsu,
    (match, escaped: string | undefined) => (escaped === undefined ? `\\${match}` : literal(escaped)),
  );
  return negated ? `[^${members}/]` : `(?!/)[${members}]`;
}
