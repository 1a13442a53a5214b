import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DebianPackages } from "./debian-packages.ts";
import { contentsOf, type FillCache } from "./fill-cache.ts";
import { runProgram } from "./run-program.ts";

const source = join(import.meta.dirname, "../programs/unzstd/unzstd.c");

/** Builds the static program that unpacks zstd on hosts without zstd. */
export async function buildUnzstd(debian: DebianPackages, cache: FillCache, target: string): Promise<void> {
  const folder = await cache.folder("unzstd", await contentsOf([source]), async (output) => {
    await debian.install(["gcc", "libc6-dev", "libzstd-dev", "binutils"]);
    const program = join(output, "unzstd");
    await runProgram("gcc", [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-static",
      "-o",
      program,
      source,
      "-lzstd",
    ]);
    await runProgram("strip", [program]);
  });
  await mkdir(dirname(target), { recursive: true });
  await copyFile(join(folder, "unzstd"), target);
}
