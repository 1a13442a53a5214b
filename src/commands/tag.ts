import { command } from "#cli";
import { checkNewName } from "./shared/check-new-name.ts";
import { openImages, withTag } from "./shared/open-images.ts";

export const tag = command({
  name: "tag",
  summary: "Give an image another name",
  json: "{name, digest}",
  operands: "IMAGE NAME",
  flags: {},
  description:
    "The old name stays.\n\n  sealer tag kubernetes:v1.20.2 registry.example.com/kubernetes:v1.20.2",
  async run({ operands: [image = "", name = ""] }, context) {
    await using opened = await openImages(context);
    const { store, nameOf, config } = opened;
    checkNewName(name, config.defaults);
    const root = await store.resolve(await nameOf(image));
    await store.tag(withTag(name), root);
    context.result({ name: withTag(name), digest: root.digest }, () => `${withTag(name)} is ${root.digest}`);
  },
});
