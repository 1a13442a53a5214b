import { parseArgs } from "node:util";
import { killRegistry } from "../kills/kill-registry.ts";
import { killRuns } from "../kills/kill-runs.ts";
import { killStoreWriter } from "../kills/kill-store-writer.ts";

/*
 * npm run soak [-- --runs N] [--store N] [--registry N]: the kill tests of the unit tests, from the same code, with
 * large counts. A run of the cluster test kills at moments 1, 2, 3, ...; the next one begins one moment later.
 */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    store: { type: "string", default: "100" },
    registry: { type: "string", default: "100" },
  },
});

await soak("cluster runs, killed at every moment", countOf("runs"), async (round) => {
  const kills = await killRuns({ first: 1 + round, every: 1 });
  return `${kills} killed`;
});
await soak("writers to the image store", countOf("store"), async (round) => {
  await killStoreWriter(round % 40);
  return `killed after ${round % 40} MiB`;
});
await soak("registries during an upload", countOf("registry"), async (round) => {
  const kibibytes = 1 + ((round * 37) % 1000);
  await killRegistry(kibibytes);
  return `killed after ${kibibytes} KiB`;
});

async function soak(what: string, rounds: number, work: (round: number) => Promise<string>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    try {
      console.log(`${what}: round ${round + 1} of ${rounds}: ${await work(round)}`);
    } catch (error) {
      throw new Error(`${what}: round ${round + 1} of ${rounds} failed`, { cause: error });
    }
  }
  console.log(`${what}: ${rounds} rounds passed`);
}

function countOf(name: "runs" | "store" | "registry"): number {
  const count = Number(values[name]);
  if (!Number.isInteger(count) || count < 0) throw new Error(`--${name} takes a number of rounds`);
  return count;
}
