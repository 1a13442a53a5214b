import { readdir, readFile } from "node:fs/promises";
import { SealerError } from "#errors";
import { recordPath, sandboxesFolder, sandboxFolder } from "./layout.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** Undefined where there is no such sandbox. @throws SANDBOX_FAILED where its record cannot be read */
export async function readRecord(root: string, name: string): Promise<SandboxRecord | undefined> {
  const path = recordPath(sandboxFolder(root, name));
  try {
    return JSON.parse(await readFile(path, "utf8")) as SandboxRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new SealerError("SANDBOX_FAILED", `${path} cannot be read: ${(error as Error).message}`, {
      where: path,
      hint: `Remove what is left of it: sealer sandbox delete ${name}`,
      cause: error,
    });
  }
}

/** All sandboxes below a root folder that can be read, by name. */
export async function readRecords(root: string): Promise<SandboxRecord[]> {
  const entries = await readdir(sandboxesFolder(root), { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const records = await Promise.all(
    names.sort().map((name) => readRecord(root, name).catch(() => undefined)),
  );
  return records.filter((record) => record !== undefined);
}
