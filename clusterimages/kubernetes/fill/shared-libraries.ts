import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { SealerError } from "#errors";
import { runProgram } from "./run-program.ts";

const folders = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const loader = "ld-linux-x86-64.so.2";

/** The loader's path in every dynamic program, and so in a container image. */
export const loaderPath = `lib64/${loader}`;

/**
 * Every shared library that the programs need, directly or through another one, found in a tree of unpacked packages: its
 * name → its file. The loader is among them where any program is dynamic.
 *
 * @throws FILE_NOT_FOUND for a library that no package in the tree has
 */
export async function sharedLibrariesOf(
  programs: readonly string[],
  tree: string,
): Promise<Map<string, string>> {
  const libraries = new Map<string, string>();
  const queue = [...programs];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const name of await neededBy(file)) {
      if (libraries.has(name)) continue;
      const library = folders.map((folder) => join(tree, folder, name)).find((path) => existsSync(path));
      if (!library) {
        throw new SealerError(
          "FILE_NOT_FOUND",
          `${file} needs ${name}, which none of the unpacked packages has`,
        );
      }
      libraries.set(name, await realpath(library));
      queue.push(library);
    }
  }
  return new Map([...libraries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Names of shared libraries; none for a static program, and the loader for any dynamic one. */
async function neededBy(file: string): Promise<string[]> {
  if (!(await isDynamic(file))) return [];
  const names = (await runProgram("patchelf", ["--print-needed", file]))
    .split("\n")
    .filter((name) => name !== "");
  return names.length > 0 ? [...names, loader] : [];
}

export async function isDynamic(file: string): Promise<boolean> {
  try {
    await runProgram("patchelf", ["--print-rpath", file]);
    return true;
  } catch (error) {
    if (error instanceof SealerError && error.message.includes("statically linked")) return false;
    throw error;
  }
}
