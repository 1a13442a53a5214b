import { nearest, SealerError } from "#errors";
import { parseYaml, stringifyYaml } from "#yaml";
import { type KubeadmApi, kubeadmApis } from "./kubernetes-version.ts";

/** A map as YAML has it. */
export type YamlMap = { [key: string]: unknown };

export type KubeadmKind =
  | "InitConfiguration"
  | "ClusterConfiguration"
  | "JoinConfiguration"
  | "KubeletConfiguration"
  | "KubeProxyConfiguration";

export interface KubeadmDocument {
  readonly kind: KubeadmKind;
  /** Undefined for kinds that are not kubeadm's own. */
  readonly api: KubeadmApi | undefined;
  /** The fields but `apiVersion` and `kind`. */
  readonly fields: YamlMap;
  /** `etc/kubeadm.yml:12` for the field at `path`. */
  at(path: readonly (string | number)[]): string;
}

export type KubeadmDocuments = { readonly [Kind in KubeadmKind]?: KubeadmDocument };

/** Reads kubeadm's configuration file. @throws YAML_INVALID, CONFIG_INVALID */
export function readKubeadmDocuments(text: string, file: string): KubeadmDocuments {
  const documents: { [Kind in KubeadmKind]?: KubeadmDocument } = {};
  for (const { value, lineOf } of parseYaml(text, { file })) {
    const at = (path: readonly (string | number)[]) => `${file}:${lineOf(path)}`;
    if (!isMap(value)) {
      throw new SealerError("CONFIG_INVALID", "a document of kubeadm's is a map", { where: at([]) });
    }
    const { apiVersion, kind, ...fields } = value;
    const known = kindOf(kind, at);
    if (documents[known]) {
      throw new SealerError("CONFIG_INVALID", `${known} stands there twice`, { where: at(["kind"]) });
    }
    documents[known] = { kind: known, api: apiOf(known, apiVersion, at), fields: { ...fields }, at };
  }
  return documents;
}

/** One text out of documents that name their API already. */
export function formatKubeadmDocuments(documents: readonly YamlMap[]): string {
  return documents.map((document) => stringifyYaml(document)).join("---\n");
}

export function isMap(value: unknown): value is YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The map below `key`, made where there is none. Never one that comes from a prototype. */
export function mapAt(parent: YamlMap, key: string): YamlMap {
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined;
  const map: YamlMap = isMap(value) ? { ...value } : {};
  parent[key] = map;
  return map;
}

export const groupsOfKinds: Readonly<Record<KubeadmKind, string>> = {
  InitConfiguration: "kubeadm.k8s.io",
  ClusterConfiguration: "kubeadm.k8s.io",
  JoinConfiguration: "kubeadm.k8s.io",
  KubeletConfiguration: "kubelet.config.k8s.io/v1beta1",
  KubeProxyConfiguration: "kubeproxy.config.k8s.io/v1alpha1",
};

function kindOf(kind: unknown, at: KubeadmDocument["at"]): KubeadmKind {
  if (typeof kind === "string" && Object.hasOwn(groupsOfKinds, kind)) return kind as KubeadmKind;
  if (kind === "ClusterStatus") {
    throw new SealerError("CONFIG_INVALID", "ClusterStatus is not configuration; it is gone since v1beta3", {
      where: at(["kind"]),
      hint: "Take that document out.",
    });
  }
  const guess = nearest(String(kind), Object.keys(groupsOfKinds));
  throw new SealerError(
    "CONFIG_INVALID",
    kind === undefined ? "the document has no kind" : `kubeadm knows no kind "${String(kind)}"`,
    {
      where: at(["kind"]),
      hint: guess ? `Did you mean ${guess}?` : `It knows ${Object.keys(groupsOfKinds).join(", ")}.`,
    },
  );
}

function apiOf(kind: KubeadmKind, apiVersion: unknown, at: KubeadmDocument["at"]): KubeadmApi | undefined {
  const group = groupsOfKinds[kind];
  if (group.includes("/")) {
    if (apiVersion === undefined || apiVersion === group) return undefined;
    throw new SealerError("CONFIG_INVALID", `${kind} is of ${group}, not of ${String(apiVersion)}`, {
      where: at(["apiVersion"]),
    });
  }
  const api = kubeadmApis.find((version) => apiVersion === `${group}/${version}`);
  if (api) return api;
  throw new SealerError("CONFIG_INVALID", `${kind}: apiVersion ${String(apiVersion)} is not known`, {
    where: at(["apiVersion"]),
    hint: `It is one of ${kubeadmApis.map((version) => `${group}/${version}`).join(", ")}.`,
  });
}
