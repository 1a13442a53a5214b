import type { ImageFinder } from "#build";
import type { Context } from "#cli";
import { SealerError } from "#errors";
import { openForReading } from "./open-registry.ts";
import type { Config } from "./read-config.ts";

/** Container images in the registries that their names say. */
export function findInRegistries(config: Config, context: Context): ImageFinder {
  return {
    placeOf: ({ registry }) => `the registry ${registry}`,
    async find(reference, { signal }) {
      const source = await openForReading(reference, config, context);
      try {
        return {
          source,
          root: await source.resolve(reference.digest ?? reference.tag ?? "latest", { signal }),
        };
      } catch (error) {
        if (error instanceof SealerError && isAboutRegistry(error.code)) return { why: error.message };
        throw error;
      }
    },
  };
}

function isAboutRegistry(code: SealerError["code"]): boolean {
  return ["IMAGE_NOT_FOUND", "REGISTRY_UNREACHABLE", "REGISTRY_REFUSED", "REGISTRY_FAILED"].includes(code);
}
