export type { Blueprint, BlueprintPlatform } from "./blueprint.ts";
export { ClusterHome, type ClusterState, listClusters } from "./cluster-home.ts";
export { type Connect, type ConnectedHost, Connections, connectHosts, type Login } from "./connect-hosts.ts";
export type { Operator } from "./lock-cluster.ts";
export type { Plan } from "./plan-change.ts";
export { readBlueprint } from "./read-blueprint.ts";
export { planRun, type RunClusterOptions, type RunResult, runCluster } from "./run-cluster.ts";
