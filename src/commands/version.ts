import { readFile } from "node:fs/promises";
import { command } from "#cli";

export const version = command({
  name: "version",
  summary: "Print sealer's version",
  json: "{version, node, platform}",
  flags: { short: { type: "boolean", summary: "The number alone" } },
  description: "  sealer version --short",
  async run({ flags }, { result }) {
    const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
    const number = (JSON.parse(manifest) as { version: string }).version;
    const facts = { version: number, node: process.version, platform: `${process.platform}/${process.arch}` };
    result(facts, () => (flags.short ? number : `sealer ${number} (Node ${facts.node}, ${facts.platform})`));
  },
});
