import type { ContentSource } from "../content.ts";

/** Images in one file or folder, as `save` of this and other tools write them. */
export interface ImageArchive extends ContentSource {
  readonly kind: "oci-archive" | "oci-folder" | "docker-archive";
  /** What `resolve` understands; an image without a name is named by its digest. */
  names(): Promise<string[]>;
  /** Drops what was unpacked to read it. */
  close(): Promise<void>;
}
