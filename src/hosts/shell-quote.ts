/** One line that a POSIX shell splits back into exactly these words. */
export function shellQuote(argv: readonly string[]): string {
  return argv.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  if (word.includes("\0")) throw new Error("a NUL byte cannot be part of an argument");
  return /^[\w%+,./:=@-]+$/.test(word) && !/^[=~]/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
