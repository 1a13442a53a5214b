/**
 * What sealer tells whoever is watching; the command line decides how it looks.
 *
 * A task is anything with a beginning and an end: a blob that is copied, an instruction that is built, a step on a
 * host. `id` is unique within one command; a task whose parent is named belongs under it.
 */
export type ProgressEvent =
  | {
      readonly type: "task-started";
      readonly id: string;
      readonly title: string;
      readonly host?: string;
      readonly parent?: string;
      /** Bytes that the task will move in all, where that is known. */
      readonly bytes?: number;
      /** Roughly how long it takes, where that is known from experience. */
      readonly estimateSeconds?: number;
    }
  /** `bytes` so far, not since the last event. */
  | { readonly type: "task-advanced"; readonly id: string; readonly bytes: number }
  | {
      readonly type: "task-finished";
      readonly id: string;
      /** `skipped`: it was done and true already. */
      readonly outcome: "done" | "skipped";
      readonly note?: string;
    }
  | { readonly type: "task-failed"; readonly id: string; readonly message: string }
  /** A line that a command printed, on a host or in a build. */
  | { readonly type: "output"; readonly line: string; readonly host?: string; readonly task?: string }
  | {
      readonly type: "note";
      readonly level: "debug" | "info" | "warning";
      readonly text: string;
      readonly host?: string;
    };

export type Progress = (event: ProgressEvent) => void;

/** For callers that nobody watches. */
export const noProgress: Progress = () => {};
