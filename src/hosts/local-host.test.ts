import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostContract } from "../../test/contracts/host-contract.ts";
import { LocalHost } from "./local-host.ts";

hostContract("LocalHost", async () => {
  const folder = await mkdtemp(join(tmpdir(), "local-host-"));
  return {
    host: new LocalHost(),
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
});
