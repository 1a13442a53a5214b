import { command } from "#cli";
import { inspectView, readClusterImage } from "#cluster-image";
import { imageText } from "./shared/image-text.ts";
import { openImages } from "./shared/open-images.ts";

export const inspect = command({
  name: "inspect",
  summary: "Show what is in an image",
  json: '{name, digest, kind: "kubernetes" | "application", created, labels, env, cmd: [...], apps: [...], platforms: [{platform, digest, layers: [{id, digest, size, createdBy, path}]}], embedded: [{reference, platform, digest, size, wantedBy: [{file, line}]}], unresolved: [{file, line, text, why}]}',
  operands: "IMAGE",
  flags: {},
  description:
    "Layers are unpacked in data/overlay2/<id> below sealer's root folder.\n\n  sealer inspect kubernetes:v1.20.2 --format json",
  async run({ operands: [typed = ""] }, context) {
    await using opened = await openImages(context);
    const { store, nameOf, overlayDir } = opened;
    const image = await readClusterImage(store, await nameOf(typed), { signal: context.signal });
    context.result(inspectView(image, overlayDir), () => imageText(image));
  },
});
