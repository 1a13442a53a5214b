import type { Progress, ProgressEvent } from "#progress";
import { printable } from "./printable.ts";
import { shortFailures } from "./short-failures.ts";
import { formatBytes, formatSeconds } from "./units.ts";

interface Running {
  readonly title: string;
  readonly host: string | undefined;
  readonly startedAt: number;
  readonly total: number | undefined;
  /** Part of another task: it is told of only where it fails, or with debug. */
  readonly part: boolean;
  bytes: number;
  toldAt: number;
}

/** A line for each thing that begins, lasts, ends or fails: for logs, pipes and CI. Long tasks report every 10 s. */
export function plainReporter(
  write: (text: string) => void,
  options: { readonly output: boolean; readonly debug: boolean; now?(): number },
): Progress {
  const now = options.now ?? (() => performance.now() / 1000);
  const tasks = new Map<string, Running>();
  const failure = shortFailures();
  const start = now();
  const line = (text: string, host?: string) =>
    write(`[${(now() - start).toFixed(1).padStart(6)}s] ${host ? `${host}: ` : ""}${printable(text)}\n`);

  return (event: ProgressEvent) => {
    switch (event.type) {
      case "task-started": {
        const { title, host, bytes } = event;
        const part = event.parent !== undefined && !options.debug;
        tasks.set(event.id, { title, host, startedAt: now(), total: bytes, part, bytes: 0, toldAt: now() });
        const facts = [
          ...(bytes ? [formatBytes(bytes)] : []),
          ...(event.estimateSeconds ? [`about ${formatSeconds(event.estimateSeconds)}`] : []),
        ];
        if (!part) line(`${title} ...${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`, host);
        return;
      }
      case "task-advanced": {
        const task = tasks.get(event.id);
        if (!task) return;
        task.bytes = event.bytes;
        if (now() - task.toldAt < 10) return;
        task.toldAt = now();
        const of = task.total ? ` of ${formatBytes(task.total)}` : "";
        line(`${task.title}: ${formatBytes(task.bytes)}${of}`, task.host);
        return;
      }
      case "task-finished": {
        const task = tasks.get(event.id);
        tasks.delete(event.id);
        if (!task || task.part) return;
        const facts = [
          event.outcome === "skipped" ? "nothing to do" : formatSeconds(now() - task.startedAt),
          ...(task.bytes > 0 ? [formatBytes(task.bytes)] : []),
          ...(event.note ? [event.note] : []),
        ];
        line(`${task.title}: ${event.outcome} (${facts.join(", ")})`, task.host);
        return;
      }
      case "task-failed": {
        const task = tasks.get(event.id);
        tasks.delete(event.id);
        const title = task?.title ?? event.id;
        line(`${title}: FAILED${failure(title, event.message)}`, task?.host);
        return;
      }
      case "output":
        if (options.output) line(`| ${event.line}`, event.host);
        return;
      case "note":
        if (event.level === "debug" && !options.debug) return;
        line(event.level === "warning" ? `warning: ${event.text}` : event.text, event.host);
        return;
      default:
        event satisfies never;
    }
  };
}
