export { openAccess } from "./access.ts";
export { createRegistry, type RegistryParts } from "./create-registry.ts";
export { FileStorage } from "./file-storage.ts";
export { createLog, type RegistryLog } from "./log.ts";
export { MemoryStorage } from "./memory-storage.ts";
export { domainFolder } from "./names.ts";
export { parseListenAddress, parseRegistryConfig } from "./parse-registry-config.ts";
export type { RegistryConfig } from "./registry-config.ts";
export { type RunningRegistry, startRegistry } from "./start-registry.ts";
export type {
  OpenBlob,
  RegistryStorage,
  StoredBlobs,
  StoredFiles,
  StoredUploads,
  Upload,
} from "./storage.ts";
