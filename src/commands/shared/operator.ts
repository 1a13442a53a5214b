import { hostname, userInfo } from "node:os";
import type { Operator } from "#cluster";

/** Who runs this, for whoever finds the cluster locked. */
export function operator(): Operator {
  return { user: userInfo().username, machine: hostname(), pid: process.pid };
}
