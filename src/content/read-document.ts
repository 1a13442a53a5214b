import { buffer } from "node:stream/consumers";
import { SealerError } from "#errors";
import type { Descriptor } from "#oci";
import type { ContentSource } from "./content.ts";
import { verified } from "./verified.ts";

/** No manifest, index or config is longer; registries refuse manifests above 4 MiB. */
const longest = 8 << 20;

/** A manifest, an index or a config, whole and checked. @throws IMAGE_INVALID when it is longer than 8 MiB */
export async function readDocument(
  source: Pick<ContentSource, "open">,
  content: Descriptor,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Buffer> {
  if (content.size > longest) {
    throw new SealerError("IMAGE_INVALID", `${content.digest} says it is ${content.size} bytes long`, {
      hint: "Manifests and configurations are at most 8 MiB long.",
    });
  }
  return buffer(verified(await source.open(content, options), content));
}
