/**
 * Splits at blanks outside of quotes; quotes and escapes stay in the words, for `expandVariables` to take out.
 * @throws what `fail` makes of a quote that is not closed
 */
export function splitWords(
  text: string,
  escapeCharacter: "\\" | "`",
  fail: (message: string, hint?: string) => Error,
): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let position = 0; position < text.length; position++) {
    const character = text[position]!;
    if (character === escapeCharacter && quote !== "'" && position + 1 < text.length) {
      word += character + text[++position]!;
    } else if (quote === "" && /\s/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
    } else {
      if (character === quote) quote = "";
      else if (quote === "" && (character === '"' || character === "'")) quote = character;
      word += character;
    }
  }
  if (quote !== "") {
    const kind = quote === '"' ? "double" : "single";
    throw fail(
      `a ${kind} quote is not closed in ${text}`,
      `Close it, or write \\${quote} for the character itself.`,
    );
  }
  if (word !== "") words.push(word);
  return words;
}
