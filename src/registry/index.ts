export { createRegistry, type RegistryParts } from "./create-registry.ts";
export { FileStorage } from "./file-storage.ts";
export { MemoryStorage } from "./memory-storage.ts";
export type { RegistryConfig } from "./registry-config.ts";
export type { OpenBlob, RegistryStorage, StoredBlobs, StoredFiles, StoredUploads, Upload } from "./storage.ts";
