import { command, formatBytes, table } from "#cli";
import { type RootfsOfPlatform, readClusterImage, rootfsFor } from "#cluster-image";
import { formatPlatform, parsePlatform, platformMatches } from "#oci";
import { openImages } from "./shared/open-images.ts";
import { shortTime } from "./shared/short-time.ts";

export const history = command({
  name: "history",
  summary: "Show the instructions that an image was built by",
  json: "[{id, size, created, createdBy}]",
  operands: "IMAGE",
  flags: {
    platform: { type: "string", value: "OS/ARCH", summary: "Of which rootfs; the first one unless told" },
    "no-trunc": { type: "boolean", summary: "Whole instructions" },
  },
  description: "  sealer history my-cluster:v1",
  async run({ flags, operands: [typed = ""] }, context) {
    await using opened = await openImages(context);
    const { store, nameOf } = opened;
    const image = await readClusterImage(store, await nameOf(typed), { signal: context.signal });
    const wanted =
      flags.platform === undefined ? image.platforms[0]!.platform : parsePlatform(flags.platform);
    const rootfs = rootfsFor(image, (one) => platformMatches(wanted, one), formatPlatform(wanted));
    const entries = entriesOf(rootfs);
    context.result(entries, () =>
      table(
        ["LAYER", "SIZE", "CREATED", "CREATED BY"],
        entries.map(({ id, size, created, createdBy }) => [
          id?.slice(0, 12) ?? "-",
          id === null ? "-" : formatBytes(size),
          shortTime(created),
          flags["no-trunc"] ? createdBy.replaceAll("\n", " ") : shortened(createdBy),
        ]),
      ),
    );
  },
});

/** The newest first; instructions that made no layer have no id. */
function entriesOf({ config, layers }: RootfsOfPlatform) {
  const left = [...layers];
  const entries = (config.history ?? []).map(
    ({ created, created_by: createdBy = "", empty_layer: isEmpty }) => {
      const layer = isEmpty ? undefined : left.shift();
      return { id: layer?.id ?? null, size: layer?.size ?? 0, created: created ?? null, createdBy };
    },
  );
  const untold = left.map(({ id, size, createdBy }) => ({ id, size, created: null, createdBy }));
  return [...entries, ...untold].reverse();
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
}
