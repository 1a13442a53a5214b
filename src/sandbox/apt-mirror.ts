export interface AptMirror {
  readonly uri: string;
  /** A keyring file, where the machine's configuration names one. */
  readonly signedBy?: string;
}

/**
 * Where this machine gets Debian from, out of the texts of its apt sources (one-line and deb822 style): the first
 * archive that has a `main` component and Debian's own releases in it. Undefined on machines that are not Debian.
 */
export function aptMirror(sources: readonly string[]): AptMirror | undefined {
  return sources
    .flatMap((text) => (/^Types:/im.test(text) ? deb822Entries(text) : oneLineEntries(text)))
    .find(({ suites, components }) => components.includes("main") && suites.some(isDebianRelease))?.mirror;
}

interface Entry {
  readonly mirror: AptMirror;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** sources.list(5), "DEB822-STYLE FORMAT". */
function deb822Entries(text: string): Entry[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const line of stanza.split("\n")) {
      const [, name = "", value = ""] = /^([A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
      if (name) fields.set(name.toLowerCase(), value.trim());
    }
    const words = (name: string) => (fields.get(name) ?? "").split(/\s+/).filter(Boolean);
    const [uri] = words("uris");
    if (!uri || !words("types").includes("deb") || fields.get("enabled") === "no") return [];
    return [entry(uri, fields.get("signed-by"), words("suites"), words("components"))];
  });
}

/** sources.list(5), "ONE-LINE-STYLE FORMAT": `deb [options] uri suite component...`. */
function oneLineEntries(text: string): Entry[] {
  return text.split("\n").flatMap((line) => {
    const [, options = "", uri, suite = "", components = ""] =
      /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line) ?? [];
    if (!uri) return [];
    const [, signedBy] = /signed-by=(\S+)/.exec(options) ?? [];
    return [entry(uri, signedBy, [suite], components.split(/\s+/))];
  });
}

function entry(uri: string, signedBy: string | undefined, suites: string[], components: string[]): Entry {
  const keyring = signedBy?.startsWith("/") ? signedBy : undefined;
  return { mirror: { uri, ...(keyring ? { signedBy: keyring } : {}) }, suites, components };
}

function isDebianRelease(suite: string): boolean {
  return /^(bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)$/.test(suite);
}
