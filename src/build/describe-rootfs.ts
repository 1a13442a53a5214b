import {
  type Application,
  type ClusterImage,
  type ClusterImageParts,
  type Extension,
  launchCommand,
  type RootfsView,
  type UnresolvedImage,
} from "#cluster-image";
import { kubefileError } from "#kubefile";
import type { HistoryEntry, ImageConfig, Platform } from "#oci";
import type { BaseImage } from "./base-image.ts";
import type { BuildOptions } from "./build-options.ts";
import { changeApps } from "./change-apps.ts";
import type { LayerBuilder } from "./layer-builder.ts";
import type { BuildPlan } from "./plan-build.ts";

export interface BuiltRootfs {
  readonly options: Pick<BuildOptions, "kind" | "version" | "kubefile" | "epoch">;
  readonly platform: Platform;
  readonly plan: BuildPlan;
  readonly base: BaseImage;
  readonly layers: Pick<LayerBuilder, "added" | "history" | "apps">;
  readonly view: RootfsView;
  readonly unresolved: readonly UnresolvedImage[];
}

/** What the image says of the rootfs: its configuration, its history, and what Sealer's readers look for. */
export async function describeRootfs(built: BuiltRootfs): Promise<ClusterImageParts["platforms"][number]> {
  const { options, platform, plan, base, layers, view, unresolved } = built;
  const { kind, version, kubefile } = options;
  const apps = changeApps(
    new Map([...(base.image?.apps ?? []).map((app) => [app.name, app] as const), ...layers.apps]),
    plan.appChanges,
    kubefile.file,
  );
  const labels = { ...base.image?.labels, ...plan.labels };
  const type = kind ?? (await kindOf(base.image, view));
  const extension: Extension = {
    buildClient: { sealerVersion: version, buildahVersion: "" },
    schemaVersion: "v1alpha1",
    type: type === "kubernetes" ? "kube-installer" : "app-installer",
    applications: [...apps.values()],
    labels,
    env: plan.env,
    launch: launchOf(plan, base.image, apps, kubefile.file),
  };
  return {
    platform,
    config: configOf(built, labels),
    layers: [...base.layers, ...layers.added.map(({ descriptor }) => descriptor)],
    extension,
    unresolved,
  };
}

function configOf(
  { options, platform, plan, base, layers }: BuiltRootfs,
  labels: Readonly<Record<string, string>>,
): ImageConfig {
  const created = new Date(options.epoch * 1000).toISOString().replace(".000Z", "Z");
  const history: HistoryEntry[] = layers.history.map(({ createdBy, empty }) => ({
    created,
    created_by: createdBy,
    ...(empty ? { empty_layer: true } : {}),
  }));
  const author = plan.author ?? base.config?.author;
  return {
    ...platform,
    created,
    ...(author === undefined ? {} : { author }),
    config: {
      ...base.config?.config,
      Env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
      Labels: labels,
    },
    rootfs: {
      type: "layers",
      diff_ids: [
        ...(base.config?.rootfs.diff_ids ?? []),
        ...layers.added.map(({ id }) => `sha256:${id}` as const),
      ],
    },
    history: [...(base.config?.history ?? []), ...history],
  };
}

/** The base's commands come first; the same command is not run twice. */
function launchOf(
  { launch }: BuildPlan,
  base: ClusterImage | undefined,
  apps: ReadonlyMap<string, Application>,
  file: string,
): NonNullable<Extension["launch"]> {
  const cmds = new Set(base?.cmd ?? []);
  const names = new Set<string>();
  for (const item of launch) {
    if (item.kind === "command") {
      cmds.add(item.command);
      continue;
    }
    const app = apps.get(item.name);
    if (!app) {
      throw kubefileError(file, item.line, `LAUNCH: there is no application ${item.name}`, {
        hint: apps.size > 0 ? `There are ${[...apps.keys()].join(", ")}.` : "Bring it by APP.",
      });
    }
    const command = launchCommand(app);
    if (command === undefined) {
      throw kubefileError(file, item.line, `LAUNCH: nobody says how to launch ${item.name}`, {
        hint: `Its files are neither a chart, nor all YAML, nor all shell scripts: write APPCMDS ${item.name} ["…"].`,
      });
    }
    names.add(item.name);
    cmds.add(command);
  }
  return { cmds: [...cmds], app_names: [...names] };
}

/** What only a rootfs with Kubernetes has. */
const signsOfKubernetes = ["bin/kubeadm", "bin/kubelet", "scripts/init.sh", "scripts/init-kube.sh"];

async function kindOf(base: ClusterImage | undefined, view: RootfsView): Promise<ClusterImage["kind"]> {
  if (base?.kind === "kubernetes") return "kubernetes";
  for (const path of signsOfKubernetes) if (await view.find(path)) return "kubernetes";
  return "application";
}
