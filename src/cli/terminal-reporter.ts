import type { Progress, ProgressEvent } from "#progress";
import { printable } from "./printable.ts";
import { shortFailures } from "./short-failures.ts";
import { formatBytes, formatSeconds } from "./units.ts";

interface Running {
  readonly title: string;
  readonly host: string | undefined;
  readonly startedAt: number;
  readonly total: number | undefined;
  /** Part of another task: shown while it runs, and not kept. */
  readonly part: boolean;
  bytes: number;
  lastLine: string;
}

/**
 * What is done stands above, what runs is drawn again below it: spinner, host, title, bar, time. `close` clears the
 * drawn part, before an error or the result is printed.
 */
export class TerminalReporter {
  readonly #write: (text: string) => void;
  readonly #size: () => { columns: number; rows: number };
  readonly #options: { readonly output: boolean; readonly debug: boolean };
  readonly #tasks = new Map<string, Running>();
  readonly #timer: NodeJS.Timeout;
  readonly #failure = shortFailures();
  #drawn = 0;
  #frame = 0;

  constructor(
    write: (text: string) => void,
    size: () => { columns: number; rows: number },
    options: { readonly output: boolean; readonly debug: boolean },
  ) {
    this.#write = write;
    this.#size = size;
    this.#options = options;
    this.#timer = setInterval(() => this.#draw(), 100);
    this.#timer.unref();
  }

  readonly report: Progress = (event: ProgressEvent) => {
    switch (event.type) {
      case "task-started":
        this.#tasks.set(event.id, {
          title: printable(event.title),
          host: event.host,
          startedAt: Date.now(),
          total: event.bytes,
          part: event.parent !== undefined && !this.#options.debug,
          bytes: 0,
          lastLine: event.estimateSeconds ? `about ${formatSeconds(event.estimateSeconds)}` : "",
        });
        return;
      case "task-advanced": {
        const task = this.#tasks.get(event.id);
        if (task) task.bytes = event.bytes;
        return;
      }
      case "task-finished": {
        const task = this.#tasks.get(event.id);
        this.#tasks.delete(event.id);
        if (!task || task.part) return;
        const facts = [
          event.outcome === "skipped" ? "nothing to do" : formatSeconds((Date.now() - task.startedAt) / 1000),
          ...(task.bytes > 0 ? [formatBytes(task.bytes)] : []),
          ...(event.note ? [event.note] : []),
        ].join(", ");
        this.#above(`${green("✔")} ${label(task)} ${dim(facts)}`);
        return;
      }
      case "task-failed": {
        const task = this.#tasks.get(event.id);
        this.#tasks.delete(event.id);
        const message = this.#failure(task?.title ?? event.id, printable(event.message));
        this.#above(`${red("✘")} ${task ? label(task) : event.id}${message}`);
        return;
      }
      case "output": {
        const task = event.task === undefined ? undefined : this.#tasks.get(event.task);
        if (task) task.lastLine = printable(event.line).trim();
        if (this.#options.output)
          this.#above(dim(`  ${event.host ? `${event.host}: ` : ""}${printable(event.line)}`));
        return;
      }
      case "note":
        if (event.level === "debug" && !this.#options.debug) return;
        this.#above(
          `${event.level === "warning" ? yellow("!") : "·"} ${event.host ? `${event.host}: ` : ""}${printable(event.text)}`,
        );
        return;
      default:
        event satisfies never;
    }
  };

  close(): void {
    clearInterval(this.#timer);
    this.#write(this.#erase());
  }

  #above(text: string): void {
    this.#write(`${this.#erase()}${text}\n`);
    this.#draw();
  }

  #draw(): void {
    const { columns, rows } = this.#size();
    const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[this.#frame++ % 10]!;
    const running = [...this.#tasks.values()];
    const room = Math.max(1, rows - 2);
    const lines = running
      .slice(0, running.length > room ? room - 1 : room)
      .map((task) => row(spinner, task, columns));
    if (running.length > lines.length) lines.push(dim(`  and ${running.length - lines.length} more`));
    this.#write(this.#erase() + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
  }

  #erase(): string {
    const drawn = this.#drawn;
    this.#drawn = 0;
    return drawn === 0 ? "" : `\u001b[${drawn}F\u001b[J`;
  }
}

function row(spinner: string, task: Running, columns: number): string {
  const time = formatSeconds((Date.now() - task.startedAt) / 1000);
  const bar = task.total
    ? `${barOf(task.bytes / task.total)} ${formatBytes(task.bytes)} of ${formatBytes(task.total)}`
    : task.bytes > 0
      ? formatBytes(task.bytes)
      : task.lastLine;
  const plain = `${label(task)}  ${time}${bar ? `  ${bar}` : ""}`;
  return `${cyan(spinner)} ${cut(plain, columns - 3)}`;
}

function label({ host, title }: Running): string {
  return host ? `${host}  ${title}` : title;
}

function barOf(part: number): string {
  const width = 20;
  const full = Math.max(0, Math.min(width, Math.round(part * width)));
  return `${"█".repeat(full)}${"░".repeat(width - full)}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

const color = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const [red, green, yellow, cyan, dim] = [color(31), color(32), color(33), color(36), color(2)] as const;
