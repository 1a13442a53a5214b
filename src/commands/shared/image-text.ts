import { formatBytes, table } from "#cli";
import type { ClusterImage } from "#cluster-image";
import { formatPlatform } from "#oci";
import { shortTime } from "./short-time.ts";

/** An image for people: what it is, what is in it, what it will do. */
export function imageText(image: ClusterImage): string {
  return [
    facts(image),
    map("Labels", image.labels),
    map("Environment", image.env),
    list("Commands", image.cmd),
    apps(image),
    layers(image),
    embedded(image),
    unresolved(image),
  ]
    .filter((section) => section !== "")
    .join("\n\n");
}

function facts({ name, root, kind, platforms, created }: ClusterImage): string {
  const rows = [
    ["Name", name],
    ["Digest", root.digest],
    ["Kind", kind],
    ["Platforms", platforms.map(({ platform }) => formatPlatform(platform)).join(", ")],
    ["Created", shortTime(created)],
  ];
  return rows.map(([title = "", value]) => `${`${title}:`.padEnd(11)} ${value}`).join("\n");
}

function map(title: string, values: Readonly<Record<string, string>>): string {
  return list(
    title,
    Object.entries(values).map(([name, value]) => `${name}=${value}`),
  );
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [`${title}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

function apps({ apps: all }: ClusterImage): string {
  return list(
    "Applications",
    all.map(({ name, type }) => `${name} (${type || "no type"})`),
  );
}

function layers({ platforms }: ClusterImage): string {
  const several = platforms.length > 1;
  return platforms
    .map(({ platform, layers: all }) => {
      const rows = all.map(({ id, size, createdBy }) => [
        id.slice(0, 12),
        formatBytes(size),
        firstLine(createdBy),
      ]);
      const title = several ? `Layers for ${formatPlatform(platform)}:` : "Layers:";
      return rows.length === 0
        ? `${title} none`
        : `${title}\n${indent(table(["ID", "SIZE", "CREATED BY"], rows))}`;
    })
    .join("\n\n");
}

function embedded({ embedded: all, platforms }: ClusterImage): string {
  if (all.length === 0) return "";
  const several = platforms.length > 1;
  const rows = all.map(({ reference, platform, size, wantedBy }) => [
    reference,
    ...(several ? [formatPlatform(platform)] : []),
    formatBytes(size),
    wantedBy.map(({ file, line }) => `${file}:${line}`).join(", "),
  ]);
  const header = ["IMAGE", ...(several ? ["PLATFORM"] : []), "SIZE", "WANTED BY"];
  return `Container images:\n${indent(table(header, rows))}`;
}

function unresolved({ unresolved: all }: ClusterImage): string {
  return list(
    "Not embedded",
    all.map(({ file, line, text, why }) => `${file}:${line}: ${text} (${why})`),
  );
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
