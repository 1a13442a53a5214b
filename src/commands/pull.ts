import { command } from "#cli";
import { parsePlatform } from "#oci";
import { openImages, withTag } from "./shared/open-images.ts";

export const pull = command({
  name: "pull",
  summary: "Copy an image from a registry to this machine",
  json: "{name, digest}",
  operands: "IMAGE",
  flags: {
    platform: {
      type: "string",
      multiple: true,
      value: "OS/ARCH",
      summary: "Only for these platforms (also comma-separated); all unless told",
    },
  },
  description: "  sealer pull registry.example.com/kubernetes:v1.20.2",
  async run({ flags, operands: [typed = ""] }, context) {
    await using images = await openImages(context);
    const platforms = flags.platform.flatMap((list) => list.split(",")).map(parsePlatform);
    const { digest } = await images.pull(typed, platforms);
    const name = withTag(typed);
    context.result({ name, digest }, () => `${name} is ${digest}`);
  },
});
