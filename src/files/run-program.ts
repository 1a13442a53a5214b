import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { SealerError } from "#errors";
import { isFsError } from "./fs-error.ts";

/** Runs one of the small programs that stand in for calls Node lacks. @throws PROGRAM_MISSING, or an Error with what it said */
export function runProgram(
  program: string,
  argv: readonly string[],
  { debianPackage, ...options }: SpawnSyncOptions & { readonly debianPackage: string },
): Buffer {
  const result = spawnSync(program, argv, {
    maxBuffer: 256 << 20,
    env: { PATH: searchPath, LC_ALL: "C" },
    ...options,
  });
  if (result.error) {
    throw isFsError(result.error, "ENOENT")
      ? programMissing(program, debianPackage, result.error)
      : result.error;
  }
  if (result.status !== 0)
    throw new Error(`${program}: ${String(result.stderr).trim() || `exit ${result.status}`}`);
  return Buffer.from(result.stdout as Buffer);
}

export function programMissing(program: string, debianPackage: string, cause: unknown): SealerError {
  return new SealerError("PROGRAM_MISSING", `the program ${program} is not installed`, {
    hint: `Install the package ${debianPackage}.`,
    cause,
  });
}

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
