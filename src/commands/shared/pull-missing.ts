import { SealerError } from "#errors";
import { type Descriptor, formatReference, parseReference } from "#oci";
import type { Images } from "./open-images.ts";

/** Pulls an image that is not on this machine; when that fails, the message says both. */
export async function pullMissing(
  name: string,
  images: Pick<Images, "pull" | "config">,
): Promise<Descriptor> {
  try {
    return await images.pull(name);
  } catch (error) {
    if (!(error instanceof SealerError) || ["REFERENCE_INVALID", "INTERRUPTED"].includes(error.code))
      throw error;
    const asked = formatReference(parseReference(name, images.config.defaults));
    throw new SealerError(
      error.code,
      `the image ${name} is not on this machine, and ${asked} cannot be pulled: ${error.message}`,
      { hint: error.hint, cause: error.cause },
    );
  }
}
