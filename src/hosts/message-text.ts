/** Text of another machine made fit for a message: secrets masked, escape sequences and control characters gone. */
export function messageText(text: string, secrets: readonly string[] = []): string {
  return maskSecrets(text.replace(escapeSequences, "").replace(unprintable, ""), secrets);
}

/** Puts `***` in place of every secret, also where it stands quoted for a shell or line by line. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const forms = new Set(secrets.flatMap(formsOf));
  return [...forms]
    .sort((a, b) => b.length - a.length)
    .reduce((masked, form) => masked.replaceAll(form, "***"), text);
}

function formsOf(secret: string): string[] {
  if (secret === "") return [];
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= 8);
  return [secret, secret.replaceAll("'", `'\\''`), JSON.stringify(secret).slice(1, -1), ...lines];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const escapeSequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unprintable = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
