import { join } from "node:path";
import { formatPlatform } from "#oci";
import type { ClusterImage } from "./cluster-image.ts";

/** What `inspect` and `build` print as JSON; fields may be added, never renamed. */
export function inspectView(image: ClusterImage, overlayDir: string) {
  return {
    name: image.name,
    digest: image.root.digest,
    kind: image.kind,
    created: image.created ?? null,
    labels: image.labels,
    env: image.env,
    cmd: image.cmd,
    apps: image.apps,
    platforms: image.platforms.map(({ platform, manifest, layers }) => ({
      platform: formatPlatform(platform),
      digest: manifest.digest,
      layers: layers.map(({ id, digest, size, createdBy }) => ({
        id,
        digest,
        size,
        createdBy,
        path: join(overlayDir, id),
      })),
    })),
    embedded: image.embedded.map(({ reference, platform, descriptor, size, wantedBy }) => ({
      reference,
      platform: formatPlatform(platform),
      digest: descriptor.digest,
      size,
      wantedBy,
    })),
    unresolved: image.unresolved,
  };
}
