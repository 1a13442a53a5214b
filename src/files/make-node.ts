import { renameSync } from "node:fs";
import { runProgram } from "./run-program.ts";
import type { SafeDirectory } from "./safe-directory.ts";
import type { TarDevice } from "./tar-header.ts";

/** Makes a device or a fifo of mode 0600, without opening it. */
export function makeNode(
  folder: SafeDirectory,
  name: Buffer,
  type: "character" | "block" | "fifo",
  device: TarDevice | undefined,
): void {
  const letter = { character: "c", block: "b", fifo: "p" }[type];
  const numbers = type === "fifo" ? [] : [String(device?.major ?? 0), String(device?.minor ?? 0)];
  runProgram("mknod", ["-m", "600", passing, letter, ...numbers], {
    cwd: folder.pathForChildren(),
    debianPackage: "coreutils",
  });
  renameSync(folder.at(Buffer.from(passing)), folder.at(name));
}

/** An argument must be text, which a name need not be. No entry of a layer can have this name. */
const passing = ".wh..new";
