import { command, formatBytes } from "#cli";
import { SealerError } from "#errors";
import { dropGarbage, imagesOfClusters } from "./shared/garbage.ts";
import { openImages } from "./shared/open-images.ts";

export const rmi = command({
  name: "rmi",
  summary: "Remove images from this machine",
  json: "{removed: [name], blobs, layers, bytes}",
  operands: "IMAGE...",
  flags: {
    force: { type: "boolean", short: "f", summary: "Also names of images that a cluster runs" },
  },
  description:
    "What no other image and no cluster needs is deleted with the name.\n\n  sealer rmi my-cluster:v1 my-cluster:v2",
  async run({ flags, operands }, context) {
    await using images = await openImages(context);
    const { store, nameOf } = images;
    const names = [...new Set(await Promise.all(operands.map(nameOf)))];
    if (!flags.force) await refuseUsed(names, images, context.home);
    for (const name of names) await store.untag(name);
    const garbage = await dropGarbage(images, context.home, { dryRun: false });
    context.result({ removed: names, ...garbage }, () =>
      [...names.map((name) => `Removed ${name}`), `Freed ${formatBytes(garbage.bytes)}`].join("\n"),
    );
  },
});

async function refuseUsed(
  names: readonly string[],
  { store }: Awaited<ReturnType<typeof openImages>>,
  home: string,
): Promise<void> {
  const clusters = [...(await imagesOfClusters(home))];
  for (const name of names) {
    const { digest } = await store.resolve(name);
    const user = clusters.find(([, used]) => used === digest);
    if (!user) continue;
    throw new SealerError("IMAGE_IN_USE", `${name} is the image of the cluster ${user[0]}`, {
      hint: "Joins and repairs need it. Delete the cluster first, or remove only the name by --force.",
    });
  }
}
