/** One way in that a server offers in `WWW-Authenticate` (RFC 9110, section 11.6.1). Names are lower-case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads all challenges of a header; what follows a mistake is left out. Values without quotes are taken, too. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const text = header.slice(0, 8192);
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(/[\s,]*/y);
    const parameter = take(/([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y);
    const current = challenges.at(-1);
    if (parameter) {
      if (!current) return challenges;
      const [, name = "", quoted, bare = ""] = parameter;
      const value = quoted === undefined ? bare : quoted.replace(/\\(.)/g, "$1");
      const key = name.toLowerCase();
      if (!current.parameters.has(key)) current.parameters.set(key, value);
      continue;
    }
    const scheme = take(/[!#$%&'*+.^_`|~\w-]+(?=[ ,]|$)/y);
    if (!scheme) return challenges;
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters: new Map() });
    take(/ +[\w.~+/-]+=*(?=\s*(?:,|$))/y);
  }
}
