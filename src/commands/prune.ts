import { command, formatBytes } from "#cli";
import { dropGarbage } from "./shared/garbage.ts";
import { openImages } from "./shared/open-images.ts";

export const prune = command({
  name: "prune",
  summary: "Delete what no image and no cluster needs",
  json: "{blobs, layers, bytes}",
  flags: { "dry-run": { type: "boolean", summary: "Only say what would be deleted" } },
  description: "  sealer prune --dry-run",
  async run({ flags }, context) {
    const dryRun = flags["dry-run"];
    await using images = await openImages(context);
    const garbage = await dropGarbage(images, context.home, { dryRun });
    const { blobs, layers, bytes } = garbage;
    context.result(garbage, () =>
      blobs + layers === 0
        ? "There is nothing to delete."
        : `${dryRun ? "Would delete" : "Deleted"} ${blobs} blobs and ${layers} unpacked layers: ${formatBytes(bytes)}.`,
    );
  },
});
