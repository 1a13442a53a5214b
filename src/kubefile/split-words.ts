/**
 * Splits at blanks outside of quotes; quotes and escapes stay in the words, for `expandVariables` to take out.
 */
export function splitWords(text: string, escapeCharacter: "\\" | "`"): string[] {
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
  if (word !== "") words.push(word);
  return words;
}
