export {
  checkSandboxSupport,
  type SandboxFinding,
  type SandboxSupport,
  type SupportOptions,
} from "./check-sandbox-support.ts";
export { createSandbox, type SandboxOptions } from "./create-sandbox.ts";
export { deleteSandbox } from "./delete-sandbox.ts";
export { dialerFor } from "./dialer-for.ts";
export { execInHost } from "./exec-in-host.ts";
export { findSandboxHost } from "./find-sandbox-host.ts";
export { listSandboxes } from "./list-sandboxes.ts";
export { type PowerOrder, powerOff, powerOn } from "./power.ts";
export type { Sandbox, SandboxHost } from "./sandbox.ts";
