import type { Application } from "#cluster-image";
import { kubefileError } from "#kubefile";
import type { AppChange } from "./plan-build.ts";

/** Applications with what APPENV and APPCMDS say of them; the last APPCMDS wins. @throws KUBEFILE_INVALID */
export function changeApps(
  apps: ReadonlyMap<string, Application>,
  changes: readonly AppChange[],
  file: string,
): Map<string, Application> {
  const changed = new Map(apps);
  for (const change of changes) {
    const app = changed.get(change.name);
    if (!app) {
      throw kubefileError(file, change.line, `there is no application ${change.name}`, {
        hint: changed.size > 0 ? `There are ${[...changed.keys()].join(", ")}.` : "Bring it by APP first.",
      });
    }
    changed.set(
      change.name,
      "cmds" in change ? { ...app, cmds: change.cmds } : { ...app, env: { ...app.env, ...change.env } },
    );
  }
  return changed;
}
