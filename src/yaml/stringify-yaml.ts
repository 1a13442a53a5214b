import { type Document, stringify } from "yaml";

/** One document; long strings are not folded, nothing is written as an alias. */
export function stringifyYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Several values as one text, or edited documents with the comments that they were read with. */
export function stringifyYamlDocuments(documents: readonly (Document.Parsed | { value: unknown })[]): string {
  return documents
    .map((document) =>
      "value" in document ? stringifyYaml(document.value) : document.toString({ lineWidth: 0 }),
    )
    .join("---\n");
}
