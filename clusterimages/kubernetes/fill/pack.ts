import { mkdir, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { runProgram } from "./run-program.ts";

const deterministic = [
  "--sort=name",
  "--owner=0",
  "--group=0",
  "--numeric-owner",
  "--mtime=@0",
  "--format=ustar",
];

/** Packs the names in a folder into a tar; the same files give the same bytes on any machine. */
export async function packTar(folder: string, archive: string, names?: readonly string[]): Promise<void> {
  await mkdir(dirname(archive), { recursive: true });
  const entries = names ?? (await readdir(folder)).sort();
  await runProgram("tar", [...deterministic, "-C", folder, "-cf", archive, "--", ...entries]);
}

/** The same, compressed, for the scripts on hosts, which may have nothing but gzip. */
export async function packTarGzip(folder: string, archive: string, names?: readonly string[]): Promise<void> {
  await mkdir(dirname(archive), { recursive: true });
  const entries = names ?? (await readdir(folder)).sort();
  const options = [...deterministic, "--use-compress-program", "gzip -n -6"];
  await runProgram("tar", [...options, "-C", folder, "-cf", archive, "--", ...entries]);
}
