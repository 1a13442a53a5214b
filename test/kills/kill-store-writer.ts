import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageStore } from "#content";
import { putImage } from "../contracts/content-contract.ts";

/** Kills a process after it has written so many MiB of a blob to a store; then checks that the store works for the next one. */
export async function killStoreWriter(mebibytes: number): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "killed-store-"));
  try {
    const { status, signal } = spawnSync(process.execPath, [
      "--input-type=module",
      "-e",
      `import { Readable } from "node:stream";
       const { ImageStore } = await import(${JSON.stringify(import.meta.resolve("#content"))});
       const store = await ImageStore.open(${JSON.stringify(root)});
       async function* bytes() { for (let i = 0; ; i++) { yield Buffer.alloc(1 << 20, i); if (i === ${mebibytes}) process.kill(process.pid, "SIGKILL"); } }
       await store.add("x", Readable.from(bytes()));`,
    ]);
    assert.deepEqual([status, signal], [null, "SIGKILL"]);

    const store = await ImageStore.open(root);
    const left = (await readdir(join(root, "store/ingest"))).filter((name) => name.endsWith(".tmp"));
    assert.deepEqual(left, []);
    const { manifest } = await putImage(store, "v1");
    assert.deepEqual(await store.resolve("v1"), manifest);
    await store.close();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
