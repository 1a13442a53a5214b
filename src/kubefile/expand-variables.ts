/** What a variable stands for; `undefined` where nobody has said it. */
export type Scope = (name: string) => string | undefined;

/**
 * Takes quotes and escapes out of a word and puts variables in, by the rules of Docker's lexer: `$X`, `${X}`,
 * `${X:-word}`, `${X-word}`, `${X:+word}`, `${X+word}`, `${X:?word}`, `${X?word}`; nothing in single quotes. What no
 * rule names is literal: there is no shell, so `$(id)` and backticks stay as they are.
 *
 * @throws Error (plain: the caller knows the place) for an open quote or brace, another modifier, or `?` that fails
 */
export function expandVariables(text: string, scope: Scope, escapeCharacter: "\\" | "`" = "\\"): string {
  return new Expansion(text, scope, escapeCharacter).run("");
}

class Expansion {
  readonly #text: string;
  readonly #scope: Scope;
  readonly #escape: string;
  #position = 0;

  constructor(text: string, scope: Scope, escapeCharacter: string) {
    this.#text = text;
    this.#scope = scope;
    this.#escape = escapeCharacter;
  }

  /** Up to the character `until`, which is taken too; to the end for "". */
  run(until: string): string {
    let result = "";
    while (this.#position < this.#text.length) {
      const character = this.#next();
      if (character === until) return result;
      if (character === "'") result += this.#singleQuoted();
      else if (character === '"') result += this.#doubleQuoted();
      else if (character === "$") result += this.#variable();
      else if (character === this.#escape)
        result += this.#position < this.#text.length ? this.#next() : character;
      else result += character;
    }
    if (until !== "") throw new Error(`"${this.#text}" has no closing "${until}"`);
    return result;
  }

  #next(): string {
    return this.#text[this.#position++]!;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#position);
    if (end < 0) throw new Error(`a single quote is not closed in ${this.#text}`);
    const inside = this.#text.slice(this.#position, end);
    this.#position = end + 1;
    return inside;
  }

  /** Inside of double quotes only `"`, `$` and the escape character itself can be escaped. */
  #doubleQuoted(): string {
    let result = "";
    while (this.#position < this.#text.length) {
      const character = this.#next();
      if (character === '"') return result;
      if (character === "$") result += this.#variable();
      else if (
        character === this.#escape &&
        ['"', "$", this.#escape].includes(this.#text[this.#position] ?? "")
      )
        result += this.#next();
      else result += character;
    }
    throw new Error(`a double quote is not closed in ${this.#text}`);
  }

  #variable(): string {
    if (this.#text[this.#position] === "{") {
      this.#position++;
      return this.#braced();
    }
    const name = this.#name();
    return name === "" ? "$" : (this.#scope(name) ?? "");
  }

  #name(): string {
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#])/.exec(this.#text.slice(this.#position))?.[0] ?? "";
    this.#position += name.length;
    return name;
  }

  #braced(): string {
    const name = this.#name();
    if (name === "") throw new Error(`"${this.#text}": \${ must be followed by the name of a variable`);
    const value = this.#scope(name);
    const [operator = ""] = /^(?:}|:?[-+?])/.exec(this.#text.slice(this.#position)) ?? [];
    this.#position += operator.length;
    if (operator === "}") return value ?? "";
    if (operator === "" && this.#position >= this.#text.length) {
      throw new Error(`"${this.#text}" has no closing "}"`);
    }
    if (operator === "") {
      throw new Error(`"${this.#text}": after \${${name} only }, :-, :+ and :? are understood`);
    }
    const word = this.run("}");
    const given = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    if (operator.endsWith("-")) return given ? value! : word;
    if (operator.endsWith("+")) return given ? word : "";
    if (!given) throw new Error(`${name}: ${word || "nobody has set it"}`);
    return value!;
  }
}
