export {
  apiServerName,
  apiServerPort,
  type ContainerRuntime,
  criSocketOf,
  discoveryKubeconfig,
  initConfiguration,
  type JoinAccess,
  joinConfiguration,
  type KubeadmCluster,
  type KubeadmNode,
  virtualAddress,
} from "./kubeadm-configuration.ts";
export { type KubeadmDocuments, readKubeadmDocuments } from "./kubeadm-documents.ts";
export { isAtLeast, type KubernetesVersion, parseKubernetesVersion } from "./kubernetes-version.ts";
export { type NodeState, readNodeStates, readPodProblems } from "./node-state.ts";
