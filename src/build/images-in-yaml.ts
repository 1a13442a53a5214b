import { SealerError } from "#errors";
import { formatReference, parseReference } from "#oci";
import { parseYaml, type YamlDocument } from "#yaml";

export interface FoundImages {
  readonly wanted: readonly { readonly reference: string; readonly line: number }[];
  readonly unresolved: readonly { readonly text: string; readonly line: number; readonly why: string }[];
}

/** Stands for what a template will put in, so that the rest can be read as YAML; one for each of its characters. */
const filler = "\uE000";

/**
 * Finds the images that Kubernetes manifests name: every `image` whose value is a string, wherever it stands (containers,
 * init containers, custom resources). Values that only a template or a variable can tell are unresolved.
 * @throws YAML_INVALID for what is neither YAML nor a template of YAML
 */
export function imagesInYaml(text: string, file: string): FoundImages {
  const hasTemplates = text.includes("{{");
  const lines = text.split(/\r?\n/);
  try {
    const documents = parseYaml(hasTemplates ? withoutTemplates(text) : text, { file, maxBytes: 16 << 20 });
    return collect(documents.flatMap(imageValues), lines);
  } catch (error) {
    if (!hasTemplates || !(error instanceof SealerError)) throw error;
    return collect(lines.flatMap(imageInLine), lines);
  }
}

interface ImageValue {
  readonly value: string;
  readonly line: number;
}

/** Lines that only control a template go; anything else keeps its length, so that lines stay right. */
function withoutTemplates(text: string): string {
  const filled = text.replace(/\{\{[\s\S]*?\}\}/g, (template) => template.replace(/[^\r\n]/g, filler));
  return filled
    .split("\n")
    .map((line) => (/^[\s\uE000]*$/.test(line) ? "" : line))
    .join("\n");
}

function imageValues({ value, lineOf }: YamlDocument): ImageValue[] {
  const found: ImageValue[] = [];
  const visit = (node: unknown, path: readonly (string | number)[]) => {
    if (Array.isArray(node)) for (const [position, item] of node.entries()) visit(item, [...path, position]);
    else if (typeof node === "object" && node !== null) {
      for (const [key, item] of Object.entries(node)) {
        if (key === "image" && typeof item === "string")
          found.push({ value: item, line: lineOf([...path, key]) });
        else visit(item, [...path, key]);
      }
    }
  };
  visit(value, []);
  return found;
}

function imageInLine(text: string, position: number): ImageValue[] {
  const match = /^[\s-]*(["']?)image\1\s*:\s*(.+?)\s*$/.exec(text.replace(/\s#.*$/, ""));
  return match ? [{ value: match[2]!.replace(/^(["'])(.*)\1$/, "$2"), line: position + 1 }] : [];
}

function collect(values: readonly ImageValue[], lines: readonly string[]): FoundImages {
  const wanted: FoundImages["wanted"][number][] = [];
  const unresolved: FoundImages["unresolved"][number][] = [];
  for (const { value, line } of values) {
    const text = value.trim();
    if (text === "") continue;
    if (text.includes(filler) || text.includes("{{")) {
      unresolved.push({ line, text: asWritten(lines[line - 1], text), why: "a template fills it in" });
    } else if (/\$[({A-Za-z_]/.test(text)) {
      unresolved.push({ line, text, why: "a variable fills it in" });
    } else {
      const reference = referenceOf(text);
      if (reference) wanted.push({ line, reference });
      else unresolved.push({ line, text, why: "it is not an image reference" });
    }
  }
  return { wanted, unresolved };
}

function asWritten(line: string | undefined, text: string): string {
  return /image["']?\s*:\s*(.+?)\s*$/.exec(line ?? "")?.[1]?.replace(/^(["'])(.*)\1$/, "$2") ?? text;
}

function referenceOf(text: string): string | undefined {
  try {
    return formatReference(parseReference(text));
  } catch (error) {
    if (error instanceof SealerError) return undefined;
    throw error;
  }
}
