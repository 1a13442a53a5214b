import { appendFileSync, mkdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchCluster } from "./cluster.ts";
import type { Line } from "./line.ts";

/* npm run bench [-- --rounds N] [SUITE...]: sealer and its peers side by side in one run; appended to bench/results/. */
const suites: Readonly<Record<string, (rounds: number) => Promise<Line[]>>> = { cluster: benchCluster };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" } },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(suites);
for (const name of chosen) {
  const suite = suites[name];
  if (!suite) throw new Error(`there is no suite ${name}; there are ${Object.keys(suites).join(", ")}`);
  const lines = await suite(Number(values.rounds));
  for (const line of lines) console.log(describe(line));
  keep(name, lines);
}

function describe({ what, unit, sealer, peer, peerName, goal }: Line): string {
  const own = `${what}: sealer ${spread(sealer)} ${unit}`;
  if (!peer) return `${own}${goal ? `  (goal: ${goal})` : ""}`;
  const ratio = median(sealer) / median(peer);
  return `${own}, ${peerName} ${spread(peer)} ${unit}, ratio ${ratio.toFixed(2)}${goal ? `  (goal: ${goal})` : ""}`;
}

/** Median, and in brackets the smallest and the largest. */
function spread(values: readonly number[]): string {
  const round = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  return `${round(median(values))} [${round(Math.min(...values))}-${round(Math.max(...values))}]`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function keep(suite: string, lines: readonly Line[]): void {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const machine = { cores: cpus().length, memory: totalmem(), model: cpus()[0]?.model };
  const record = { at: new Date().toISOString(), machine, node: process.version, lines };
  appendFileSync(join(folder, `${suite}.jsonl`), `${JSON.stringify(record)}\n`);
}
