import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { registryImage } from "./registry-image.ts";

const usage = `Makes the image of the built-in registry, as \`docker save\` would write it.

  bin/node clusterimages/registry/build-image.ts --output registry.tar

  --output FILE   the archive to write
  --node FILE     the Node binary to pack (the pinned one, for this machine's architecture)
`;

const project = resolve(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: { output: { type: "string" }, node: { type: "string" }, help: { type: "boolean", short: "h" } },
});
if (values.help || !values.output) {
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: string };
  const node = values.node ?? join(project, `node_modules/node-linux-${process.arch}/bin/node`);
  const image = await registryImage({
    project,
    node: resolve(node),
    version,
    output: resolve(values.output),
  });
  process.stdout.write(`${basename(values.output)}: ${image.name} ${image.id} ${image.bytes} bytes\n`);
}
