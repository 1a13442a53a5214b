import { SealerError } from "#errors";

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

/** Reads `linux/amd64`, `linux/arm64/v8`, or an architecture alone (`arm64`, `x86_64`). @throws USAGE */
export function parsePlatform(text: string): Platform {
  const words = text.trim().toLowerCase().split("/");
  const [os, machine, variant] = words.length === 1 ? ["linux", words[0]] : words;
  if (!os || !machine || words.length > 3 || words.some((word) => !/^[a-z0-9._-]+$/.test(word))) {
    throw new SealerError("USAGE", `"${text}" is not a platform`, {
      hint: "Write it as linux/amd64 or linux/arm64.",
    });
  }
  const known = architectures[machine] ?? { architecture: machine };
  const chosen = variant ?? known.variant;
  const normal = known.architecture === "arm64" && chosen === "v8" ? undefined : chosen;
  return { architecture: known.architecture, os, ...(normal ? { variant: normal } : {}) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}

/** Whether content for `offered` runs where `wanted` is asked for; arm64 and arm64/v8 are the same machine. */
export function platformMatches(wanted: Platform, offered: Platform): boolean {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return false;
  const variantOf = ({ architecture, variant }: Platform) =>
    variant ?? (architecture === "arm64" ? "v8" : "");
  return variantOf(wanted) === variantOf(offered);
}

/** What other worlds (uname, Docker, Debian) call Go's architectures. */
const architectures: Record<string, { architecture: string; variant?: string }> = {
  __proto__: null as never,
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armv7l: { architecture: "arm", variant: "v7" },
  i386: { architecture: "386" },
  i686: { architecture: "386" },
};
