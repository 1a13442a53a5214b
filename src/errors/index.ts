export { nearest } from "./nearest.ts";
export { type ErrorCode, SealerError } from "./sealer-error.ts";
