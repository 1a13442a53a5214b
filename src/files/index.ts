export { acquireLock, type Lock, type LockHolder, type LockOptions, type LockOwner } from "./acquire-lock.ts";
export { makeDirectory } from "./make-directory.ts";
export { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";
export { writeFileAtomic } from "./write-file-atomic.ts";
