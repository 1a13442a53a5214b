export { parseYaml, type YamlDocument, type YamlOptions } from "./parse-yaml.ts";
export { plainValue } from "./plain-value.ts";
export { stringifyYaml, stringifyYamlDocuments } from "./stringify-yaml.ts";
