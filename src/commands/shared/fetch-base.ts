import { resolve } from "node:path";
import { nameless } from "#build";
import type { Context } from "#cli";
import { importImage, openArchive } from "#content";
import { SealerError } from "#errors";
import type { Images } from "./open-images.ts";
import { pullMissing } from "./pull-missing.ts";

/**
 * Brings the image that FROM names into the store and returns its name there: an image of this machine, an archive or a
 * layout (`oci-archive:PATH[:NAME]`, `oci:PATH[:NAME]`, `docker-archive:PATH[:NAME]`, relative to the build folder), or
 * an image of a registry.
 */
export async function fetchBase(
  name: string,
  folder: string,
  images: Images,
  context: Context,
): Promise<string> {
  const transport = /^(oci-archive|oci|docker-archive):(?!\/\/)(.+)$/.exec(name);
  if (transport) return fetchFromArchive(transport[2]!, folder, images, context);
  const here = await images.findName(name);
  if (here !== undefined) return here;
  return (await pullMissing(name, images)).digest;
}

async function fetchFromArchive(
  location: string,
  folder: string,
  { store }: Images,
  context: Context,
): Promise<string> {
  const { progress, signal } = context;
  const [, path = "", wanted] = /^([^:]+)(?::(.+))?$/.exec(location) ?? [];
  const archive = await openArchive(resolve(folder, path), { signal });
  try {
    const names = await archive.names();
    const name =
      wanted === undefined ? names[0] : names.find((one) => one === wanted || one.endsWith(`/${wanted}`));
    if (name === undefined || (wanted === undefined && names.length > 1)) {
      throw new SealerError(
        "IMAGE_NOT_FOUND",
        `${path} holds ${wanted ? `no ${wanted}` : `${names.length} images`}`,
        {
          hint:
            names.length > 0
              ? `Name one after the path: ${names.join(", ")}.`
              : "It holds no image with a name.",
        },
      );
    }
    return (await importImage(archive, name, nameless(store), { progress, signal })).digest;
  } finally {
    await archive.close();
  }
}
