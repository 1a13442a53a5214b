import { formatBytes } from "#cli";
import type { ClusterImage } from "#cluster-image";
import { formatPlatform } from "#oci";

/** What was built, in a few lines. */
export function builtText(image: ClusterImage): string {
  const { name, root, kind, platforms, embedded, unresolved } = image;
  const layers = platforms.flatMap((rootfs) => rootfs.layers);
  const references = new Set(embedded.map(({ reference }) => reference));
  const sum = (sizes: readonly { readonly size: number }[]) =>
    formatBytes(sizes.reduce((all, { size }) => all + size, 0));
  return [
    `Built ${name}`,
    `  digest      ${root.digest}`,
    `  kind        ${kind} for ${platforms.map(({ platform }) => formatPlatform(platform)).join(", ")}`,
    `  rootfs      ${count(layers.length, "layer")}, ${sum(layers)}`,
    `  embedded    ${count(references.size, "container image")}${references.size > 0 ? `, ${sum(embedded)}` : ""}`,
    ...(unresolved.length > 0
      ? [`  not told    ${count(unresolved.length, "image")}: see sealer inspect ${name}`]
      : []),
  ].join("\n");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
