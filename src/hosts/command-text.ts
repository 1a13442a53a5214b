import { messageText } from "./message-text.ts";
import { shellQuote } from "./shell-quote.ts";

/** A command as messages show it: on one line, masked, not longer than 200 characters. */
export function commandText(argv: readonly string[], secrets: readonly string[]): string {
  const text = messageText(shellQuote(argv), secrets).replaceAll(/\s+/g, " ");
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}
