export { createSandbox, type SandboxOptions } from "./create-sandbox.ts";
export { deleteSandbox } from "./delete-sandbox.ts";
export { type Dial, dialerFor } from "./dialer-for.ts";
export { execInHost } from "./exec-in-host.ts";
export { findSandboxHost } from "./find-sandbox-host.ts";
export { listSandboxes } from "./list-sandboxes.ts";
export type { Sandbox, SandboxHost } from "./sandbox.ts";
