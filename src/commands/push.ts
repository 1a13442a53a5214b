import { command } from "#cli";
import { copyImage } from "#content";
import { formatReference } from "#oci";
import { checkNewName } from "./shared/check-new-name.ts";
import { openImages } from "./shared/open-images.ts";
import { openRegistry } from "./shared/open-registry.ts";

export const push = command({
  name: "push",
  summary: "Copy an image from this machine to a registry",
  json: "{name, digest}",
  operands: "IMAGE [NAME]",
  flags: {},
  description:
    "NAME is what the image is called in the registry; its name here unless told.\n\n  sealer push kubernetes:v1.20.2 registry.example.com/kubernetes:v1.20.2",
  async run({ operands: [typed = "", other = typed] }, context) {
    await using opened = await openImages(context);
    const { store, nameOf, config } = opened;
    const reference = checkNewName(other, config.defaults);
    const name = await nameOf(typed);
    const target = await openRegistry(reference, config, context);
    const { progress, signal } = context;
    const { tag = "latest" } = reference;
    const { digest } = await copyImage(name, store, target, { targetReference: tag, progress, signal });
    const pushed = formatReference(reference);
    context.result({ name: pushed, digest }, () => `${pushed} is ${digest}`);
  },
});
