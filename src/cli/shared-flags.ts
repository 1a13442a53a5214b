import type { Flags } from "./flag.ts";

/** Flags that every command takes. */
export const sharedFlags = {
  root: { type: "string", value: "DIR", summary: "Images and cluster data (SEALER_ROOT, /var/lib/sealer)" },
  home: { type: "string", value: "DIR", summary: "What sealer knows of clusters (SEALER_HOME, ~/.sealer)" },
  progress: { type: "string", value: "HOW", summary: "auto, tty, plain, json or none" },
  "log-level": { type: "string", value: "LEVEL", summary: "debug, info, warning or error" },
  format: { type: "string", value: "HOW", summary: "The result as text or json" },
  quiet: { type: "boolean", short: "q", summary: "Nothing but the result and errors" },
  debug: { type: "boolean", short: "d", summary: "Everything, and the stack of every error" },
  help: { type: "boolean", short: "h", summary: "This help" },
} as const satisfies Flags;
