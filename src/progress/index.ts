export { noProgress, type Progress, type ProgressEvent } from "./events.ts";
