import type { Application } from "#cluster-image";
import type { LayerEntry } from "./plan-copy.ts";

/**
 * What an APP is, by its files: a chart if it has a `Chart.yaml`; else scripts, if all files are; else manifests, if all
 * are; otherwise only APPCMDS can tell how to launch it.
 */
export function appOf(name: string, entries: readonly LayerEntry[]): Application {
  const root = `application/apps/${name}/`;
  const files = entries
    .filter(({ path, from }) => from?.kind === "file" && path.startsWith(root))
    .map(({ path }) => path.slice(root.length));
  const all = (pattern: RegExp) => files.length > 0 && files.every((file) => pattern.test(file));
  if (files.includes("Chart.yaml")) return { name, type: "helm", files: [name] };
  if (all(/\.sh$/)) return { name, type: "shell", files };
  if (all(/\.ya?ml$/)) return { name, type: "kube", files };
  return { name, type: "", files };
}
