import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fsError } from "./fs-error.ts";

export interface TemporaryDirectory {
  readonly path: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A new folder of mode 0700 below `parent`, removed with all that is in it on dispose. */
export async function temporaryDirectory(parent: string, prefix: string): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(parent, prefix)).catch((error: unknown) => {
    throw fsError(error, "make a temporary folder in", parent);
  });
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
