import { stringifyYaml } from "#yaml";
import { convertKubeadm, removeArgument, setArgument } from "./convert-kubeadm.ts";
import {
  formatKubeadmDocuments,
  groupsOfKinds,
  type KubeadmDocuments,
  type KubeadmKind,
  mapAt,
  type YamlMap,
} from "./kubeadm-documents.ts";
import { isAtLeast, type KubeadmApi, type KubernetesVersion, kubeadmApiOf } from "./kubernetes-version.ts";

/** By which name nodes reach the API server; `/etc/hosts` of each says where that is. */
export const apiServerName = "apiserver.cluster.local";
export const apiServerPort = 6443;
/** Kept free of kube-proxy's rules: workers balance over the masters on it. */
export const virtualAddress = "10.103.97.2";

export type ContainerRuntime = "docker" | "containerd";

/** What all nodes of a cluster share. */
export interface KubeadmCluster {
  /** Of `etc/kubeadm.yml` in the image. */
  readonly documents: KubeadmDocuments;
  readonly version: KubernetesVersion;
  readonly runtime: ContainerRuntime;
  /** `sea.hub:5000/library` */
  readonly imageRepository: string;
  /** Addresses of all masters, for the API server's certificate. */
  readonly masters: readonly string[];
}

export interface KubeadmNode {
  readonly address: string;
  /** The host's name; Kubernetes wants it in lower case. */
  readonly name: string;
}

/** The file for `kubeadm init` and for asking kubeadm which images it needs. @throws CONFIG_INVALID */
export function initConfiguration(
  shared: KubeadmCluster,
  node: KubeadmNode,
  cgroupDriver: string | undefined,
): string {
  const api = kubeadmApiOf(shared.version);
  const { init, cluster } = convertKubeadm(shared.documents, api);
  const endpoint = mapAt(init, "localAPIEndpoint");
  endpoint.advertiseAddress = node.address;
  endpoint.bindPort ??= apiServerPort;
  registerNode(init, shared, node, api);
  return formatKubeadmDocuments([
    document("InitConfiguration", api, init),
    document("ClusterConfiguration", api, forceCluster(cluster, shared)),
    document("KubeletConfiguration", api, kubelet(shared.documents, cgroupDriver)),
    document("KubeProxyConfiguration", api, kubeProxy(shared.documents)),
  ]);
}

export interface JoinAccess {
  readonly token: string;
  /** The cluster's CA certificate, in PEM. */
  readonly ca: string;
  /** Opens the certificates that masters fetch from the cluster. */
  readonly certificateKey: string;
}

/**
 * The file for `kubeadm join`. It holds secrets. The cluster is found by a kubeconfig of ours (`discoveryKubeconfig`),
 * at `discoveryPath` on the host: the other way, by a token alone, has to wait until the controller manager has signed
 * the cluster's description, 15 seconds and more after `kubeadm init`.
 * @throws CONFIG_INVALID
 */
export function joinConfiguration(
  shared: KubeadmCluster,
  node: KubeadmNode & { readonly role: "master" | "node" },
  access: JoinAccess,
  discoveryPath: string,
): string {
  const api = kubeadmApiOf(shared.version);
  const { join } = convertKubeadm(shared.documents, api);
  const discovery = mapAt(join, "discovery");
  delete discovery.bootstrapToken;
  discovery.file = { kubeConfigPath: discoveryPath };
  discovery.tlsBootstrapToken = access.token;
  registerNode(join, shared, node, api);
  if (node.role === "node") {
    delete join.controlPlane;
  } else {
    const controlPlane = mapAt(join, "controlPlane");
    const endpoint = mapAt(controlPlane, "localAPIEndpoint");
    endpoint.advertiseAddress = node.address;
    endpoint.bindPort ??= apiServerPort;
    controlPlane.certificateKey = access.certificateKey;
  }
  return formatKubeadmDocuments([document("JoinConfiguration", api, join)]);
}

/** Where the API server is and which CA it has, without any credential. `apiServer`: master0's address. */
export function discoveryKubeconfig(apiServer: string, ca: string): string {
  const host = apiServer.includes(":") ? `[${apiServer}]` : apiServer;
  return stringifyYaml({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "",
        cluster: {
          server: `https://${host}:${apiServerPort}`,
          "certificate-authority-data": Buffer.from(ca).toString("base64"),
        },
      },
    ],
  });
}

export function criSocketOf(runtime: ContainerRuntime, version: KubernetesVersion): string {
  const bare = !isAtLeast(version, 1, 24);
  switch (runtime) {
    case "docker":
      return bare ? "/var/run/dockershim.sock" : "unix:///var/run/cri-dockerd.sock";
    case "containerd":
      return bare ? "/run/containerd/containerd.sock" : "unix:///run/containerd/containerd.sock";
  }
}

function registerNode(owner: YamlMap, shared: KubeadmCluster, node: KubeadmNode, api: KubeadmApi): void {
  const registration = mapAt(owner, "nodeRegistration");
  registration.name = node.name.toLowerCase();
  registration.criSocket = criSocketOf(shared.runtime, shared.version);
  setArgument(registration, "kubeletExtraArgs", "node-ip", node.address, api);
}

function forceCluster(cluster: YamlMap, { version, imageRepository, masters }: KubeadmCluster): YamlMap {
  cluster.kubernetesVersion = version.text;
  cluster.controlPlaneEndpoint = `${apiServerName}:${apiServerPort}`;
  cluster.imageRepository = imageRepository;
  const apiServer = mapAt(cluster, "apiServer");
  apiServer.certSANs = union(apiServer.certSANs, ["127.0.0.1", apiServerName, ...masters, virtualAddress]);
  if (mapAt(mapAt(cluster, "etcd"), "external").endpoints === undefined) {
    // Each API server asks the etcd beside it; an address written into an image would be that of another machine.
    delete (cluster.etcd as YamlMap).external;
    removeArgument(apiServer, "extraArgs", "etcd-servers");
  }
  const networking = mapAt(cluster, "networking");
  networking.podSubnet ??= "100.64.0.0/10";
  networking.serviceSubnet ??= "10.96.0.0/22";
  return cluster;
}

function kubelet({ KubeletConfiguration }: KubeadmDocuments, cgroupDriver: string | undefined): YamlMap {
  const fields = structuredClone({ ...KubeletConfiguration?.fields });
  if (!fields.cgroupDriver && cgroupDriver) fields.cgroupDriver = cgroupDriver;
  if (!fields.cgroupDriver) delete fields.cgroupDriver;
  return fields;
}

function kubeProxy({ KubeProxyConfiguration }: KubeadmDocuments): YamlMap {
  const fields = structuredClone({ ...KubeProxyConfiguration?.fields });
  const ipvs = mapAt(fields, "ipvs");
  ipvs.excludeCIDRs = union(ipvs.excludeCIDRs, [`${virtualAddress}/32`]);
  return fields;
}

function document(kind: KubeadmKind, api: KubeadmApi, fields: YamlMap): YamlMap {
  const group = groupsOfKinds[kind];
  return { apiVersion: group.includes("/") ? group : `${group}/${api}`, kind, ...fields };
}

function union(held: unknown, more: readonly string[]): string[] {
  return [...new Set([...(Array.isArray(held) ? held.map(String) : []), ...more])];
}
