import { RegistryError } from "./registry-error.ts";
import type { Route } from "./routes.ts";

/** What a request wants to do, and the scope that a token for it has to name. */
export interface Action {
  readonly kind: "ping" | "pull" | "push" | "delete";
  readonly scope: string | undefined;
}

/**
 * The one table of what each route allows, in front of all of them.
 * @throws RegistryError UNSUPPORTED for a method that the route does not have
 */
export function actionOf(route: Route, method: string): Action {
  const kind = actions[route.kind][method];
  if (kind === undefined) {
    throw new RegistryError("UNSUPPORTED", `${method} is not possible here`, {
      headers: { Allow: Object.keys(actions[route.kind]).join(", ") },
    });
  }
  return { kind, scope: scopeOf(route, kind) };
}

/** @throws RegistryError UNSUPPORTED for what the configuration has switched off */
export function checkPolicy(
  { kind }: Action,
  { deleteEnabled, readOnly }: { readonly deleteEnabled: boolean; readonly readOnly: boolean },
): void {
  if (kind === "delete" && !deleteEnabled) {
    throw new RegistryError("UNSUPPORTED", "deleting is switched off (storage.delete.enabled)");
  }
  if (readOnly && (kind === "push" || kind === "delete")) {
    throw new RegistryError("UNSUPPORTED", "the registry is read-only (storage.maintenance.readonly)");
  }
}

const reading = { GET: "pull", HEAD: "pull" } as const;

const actions: Readonly<Record<Route["kind"], Readonly<Record<string, Action["kind"]>>>> = {
  ping: { GET: "ping", HEAD: "ping" },
  catalog: reading,
  tags: reading,
  referrers: reading,
  blob: { ...reading, DELETE: "delete" },
  manifest: { ...reading, PUT: "push", DELETE: "delete" },
  uploads: { POST: "push" },
  upload: { GET: "push", HEAD: "push", PATCH: "push", PUT: "push", DELETE: "delete" },
};

function scopeOf(route: Route, kind: Action["kind"]): string | undefined {
  if (route.kind === "catalog") return "registry:catalog:*";
  if (!("name" in route)) return undefined;
  const rights = { ping: "pull", pull: "pull", push: "pull,push", delete: "delete" }[kind];
  return `repository:${route.name}:${rights}`;
}
