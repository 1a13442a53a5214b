import { SealerError } from "#errors";
import {
  isMap,
  type KubeadmDocument,
  type KubeadmDocuments,
  mapAt,
  type YamlMap,
} from "./kubeadm-documents.ts";
import { type KubeadmApi, kubeadmApis } from "./kubernetes-version.ts";

export interface ConvertedDocuments {
  readonly init: YamlMap;
  readonly cluster: YamlMap;
  readonly join: YamlMap;
}

/**
 * Brings kubeadm's own documents to the API of the kubeadm that will read them: fields that moved are moved, arguments
 * are a map up to v1beta3 and a list since v1beta4.
 * @throws CONFIG_INVALID for fields that the target does not have
 */
export function convertKubeadm(documents: KubeadmDocuments, target: KubeadmApi): ConvertedDocuments {
  const { InitConfiguration, ClusterConfiguration, JoinConfiguration } = documents;
  for (const document of [InitConfiguration, ClusterConfiguration, JoinConfiguration]) {
    if (document) refuseFieldsOfOthers(document, target);
  }
  const init = structuredClone({ ...InitConfiguration?.fields });
  const cluster = structuredClone({ ...ClusterConfiguration?.fields });
  const join = structuredClone({ ...JoinConfiguration?.fields });
  if (target === "v1beta4") {
    moveUp(cluster, ["apiServer", "timeoutForControlPlane"], init, "controlPlaneComponentHealthCheck");
    moveUp(join, ["discovery", "timeout"], join, "discovery");
  } else {
    moveDown(init, "controlPlaneComponentHealthCheck", cluster, ["apiServer", "timeoutForControlPlane"]);
    moveDown(join, "discovery", join, ["discovery", "timeout"]);
    refuseTimeouts(InitConfiguration, init, target);
    refuseTimeouts(JoinConfiguration, join, target);
  }
  for (const [document, fields] of [
    [InitConfiguration, init],
    [ClusterConfiguration, cluster],
    [JoinConfiguration, join],
  ] as const) {
    convertArguments(fields, target, (path) => document?.at(path));
  }
  return { init, cluster, join };
}

/** Sets `name` in arguments of either form. */
export function setArgument(owner: YamlMap, key: string, name: string, value: string, api: KubeadmApi): void {
  if (api !== "v1beta4") {
    mapAt(owner, key)[name] = value;
    return;
  }
  const list = (Array.isArray(owner[key]) ? owner[key] : []).filter(
    (item) => !isMap(item) || item.name !== name,
  );
  owner[key] = [...list, { name, value }];
}

export function removeArgument(owner: YamlMap, key: string, name: string): void {
  const held = owner[key];
  if (Array.isArray(held)) owner[key] = held.filter((item) => !isMap(item) || item.name !== name);
  else if (isMap(held)) delete held[name];
}

/** Fields that not every API has: from which on, or up to which. */
const boundedFields: readonly {
  readonly kind: KubeadmDocument["kind"];
  readonly path: readonly string[];
  readonly since?: KubeadmApi;
  readonly until?: KubeadmApi;
}[] = [
  { kind: "InitConfiguration", path: ["certificateKey"], since: "v1beta2" },
  { kind: "JoinConfiguration", path: ["controlPlane", "certificateKey"], since: "v1beta2" },
  { kind: "InitConfiguration", path: ["nodeRegistration", "ignorePreflightErrors"], since: "v1beta2" },
  { kind: "JoinConfiguration", path: ["nodeRegistration", "ignorePreflightErrors"], since: "v1beta2" },
  { kind: "ClusterConfiguration", path: ["useHyperKubeImage"], until: "v1beta2" },
  { kind: "ClusterConfiguration", path: ["dns", "type"], until: "v1beta2" },
  ...(["InitConfiguration", "JoinConfiguration"] as const).flatMap((kind) => [
    { kind, path: ["skipPhases"], since: "v1beta3" as const },
    { kind, path: ["patches"], since: "v1beta3" as const },
    { kind, path: ["nodeRegistration", "imagePullPolicy"], since: "v1beta3" as const },
    { kind, path: ["nodeRegistration", "imagePullSerial"], since: "v1beta4" as const },
    { kind, path: ["dryRun"], since: "v1beta4" as const },
  ]),
  ...["encryptionAlgorithm", "certificateValidityPeriod", "caCertificateValidityPeriod", "proxy"].map(
    (field) => ({
      kind: "ClusterConfiguration" as const,
      path: [field],
      since: "v1beta4" as const,
    }),
  ),
  { kind: "ClusterConfiguration", path: ["dns", "disabled"], since: "v1beta4" },
  ...[["apiServer"], ["controllerManager"], ["scheduler"], ["etcd", "local"]].map((owner) => ({
    kind: "ClusterConfiguration" as const,
    path: [...owner, "extraEnvs"],
    since: "v1beta4" as const,
  })),
];

function refuseFieldsOfOthers(document: KubeadmDocument, target: KubeadmApi): void {
  for (const { kind, path, since, until } of boundedFields) {
    if (kind !== document.kind || valueAt(document.fields, path) === undefined) continue;
    const rank = kubeadmApis.indexOf(target);
    if (since && rank < kubeadmApis.indexOf(since)) {
      throw new SealerError("CONFIG_INVALID", `${kind}: ${path.join(".")} is there since ${since} only`, {
        where: document.at(path),
        hint: `This Kubernetes reads ${target}: take the field out, or use a newer Kubernetes.`,
      });
    }
    if (until && rank > kubeadmApis.indexOf(until)) {
      const next = kubeadmApis[kubeadmApis.indexOf(until) + 1];
      throw new SealerError("CONFIG_INVALID", `${kind}: ${path.join(".")} is gone since ${next}`, {
        where: document.at(path),
        hint: `This Kubernetes reads ${target}: take the field out.`,
      });
    }
  }
}

function moveUp(from: YamlMap, path: readonly [string, string], to: YamlMap, timeout: string): void {
  const owner = from[path[0]];
  if (!isMap(owner) || owner[path[1]] === undefined) return;
  const timeouts = mapAt(to, "timeouts");
  timeouts[timeout] ??= owner[path[1]];
  delete owner[path[1]];
}

function moveDown(from: YamlMap, timeout: string, to: YamlMap, path: readonly [string, string]): void {
  const timeouts = from.timeouts;
  if (!isMap(timeouts) || timeouts[timeout] === undefined) return;
  const owner = mapAt(to, path[0]);
  owner[path[1]] ??= timeouts[timeout];
  delete timeouts[timeout];
}

function refuseTimeouts(document: KubeadmDocument | undefined, fields: YamlMap, target: KubeadmApi): void {
  const timeouts = fields.timeouts;
  if (timeouts === undefined) return;
  const [rest] = isMap(timeouts) ? Object.keys(timeouts) : ["timeouts"];
  if (rest !== undefined) {
    throw new SealerError(
      "CONFIG_INVALID",
      `${document?.kind}: timeouts.${rest} is there since v1beta4 only`,
      {
        where: document?.at(["timeouts", rest]),
        hint: `This Kubernetes reads ${target}: take the field out.`,
      },
    );
  }
  delete fields.timeouts;
}

/** Every `extraArgs` and `kubeletExtraArgs`, wherever it stands. */
function convertArguments(
  value: unknown,
  target: KubeadmApi,
  at: (path: readonly (string | number)[]) => string | undefined,
  path: readonly string[] = [],
): void {
  if (!isMap(value)) return;
  for (const [key, held] of Object.entries(value)) {
    const here = [...path, key];
    if (key !== "extraArgs" && key !== "kubeletExtraArgs") convertArguments(held, target, at, here);
    else if (target === "v1beta4" && isMap(held)) {
      value[key] = Object.entries(held).map(([name, text]) => ({ name, value: String(text) }));
    } else if (target !== "v1beta4" && Array.isArray(held)) {
      const pairs = held.map((item) => [String(item?.name), String(item?.value)] as const);
      const names = pairs.map(([name]) => name);
      const twice = names.find((name, position) => names.indexOf(name) < position);
      if (twice !== undefined) {
        throw new SealerError(
          "CONFIG_INVALID",
          `${here.join(".")}: ${twice} may be given once before v1beta4`,
          {
            where: at(here),
          },
        );
      }
      value[key] = Object.fromEntries(pairs);
    }
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (held, key) => (isMap(held) && Object.hasOwn(held, key) ? held[key] : undefined),
    value,
  );
}
