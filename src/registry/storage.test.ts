import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { storageContract } from "../../test/contracts/storage-contract.ts";
import { FileStorage, MemoryStorage } from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "registry-"));
after(() => rm(folder, { recursive: true }));

storageContract("FileStorage", async () => new FileStorage(await mkdtemp(join(folder, "storage-"))));
storageContract("MemoryStorage", async () => new MemoryStorage());
