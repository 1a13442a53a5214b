export { type ClusterFlags, checkClusterName, clusterFromFlags } from "./cluster-from-flags.ts";
export {
  type DesiredCluster,
  type DesiredHost,
  mastersOf,
  masterZeroOf,
  type Role,
} from "./desired-cluster.ts";
export { parseAssignments } from "./parse-assignments.ts";
