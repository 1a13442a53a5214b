import { chmod, copyFile, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./run-program.ts";
import { isDynamic, sharedLibrariesOf } from "./shared-libraries.ts";

/** Where the libraries lie on a host; the scripts put them there. */
const librariesOnHost = "/usr/lib/sealer";

/** name of the program → its path in a tree of unpacked packages */
export type ProgramPaths = Readonly<Record<string, string>>;

/**
 * Copies programs out of a tree of unpacked packages and makes them independent of the host's libraries: their loader and
 * their libraries are those in `/usr/lib/sealer`. Returns the libraries that they need, name → file.
 */
export async function copyPortable(
  programs: ProgramPaths,
  tree: string,
  target: string,
): Promise<ReadonlyMap<string, string>> {
  await mkdir(target, { recursive: true });
  const copies: string[] = [];
  for (const [name, path] of Object.entries(programs)) {
    const copy = join(target, name);
    await copyFile(await realpath(join(tree, path)), copy);
    await chmod(copy, 0o755);
    copies.push(copy);
  }
  const libraries = await sharedLibrariesOf(copies, tree);
  for (const copy of copies) {
    if (await isDynamic(copy)) await pointToOwnLibraries(copy);
  }
  return libraries;
}

async function pointToOwnLibraries(program: string): Promise<void> {
  // RPATH, not RUNPATH: it also counts for what the libraries themselves need.
  const options = ["--set-interpreter", `${librariesOnHost}/ld-linux-x86-64.so.2`, "--force-rpath"];
  await runProgram("patchelf", [...options, "--set-rpath", librariesOnHost, program]);
}
