import { formatBytes, table } from "#cli";
import type { Plan } from "#cluster";

/** The JSON shape of a plan. */
export function planView({ cluster, image, steps, done }: Plan) {
  return {
    cluster,
    image,
    steps: steps.map(({ id, title, host, needs, bytes, why }) => ({ id, title, host, needs, bytes, why })),
    done: done.length,
  };
}

export function planText({ steps, done }: Plan): string {
  if (steps.length === 0) return `Nothing to do: all ${done.length} steps are done and still true.`;
  const rows = steps.map(({ host, title, bytes, why }) => [
    host,
    title,
    bytes > 0 ? formatBytes(bytes) : "",
    why,
  ]);
  return `${table(["HOST", "STEP", "SENDS", "WHY"], rows)}\n${steps.length} steps to do, ${done.length} done already.`;
}
