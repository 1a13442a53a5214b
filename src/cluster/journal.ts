import { type FileHandle, open } from "node:fs/promises";

export interface JournalEntry {
  readonly event: "run-started" | "step-started" | "step-done" | "step-failed" | "run-ended";
  readonly step?: string;
  readonly message?: string;
}

/** The log of attempts: one JSON line for each, on disk before `append` returns. */
export interface Journal {
  append(entry: JournalEntry): Promise<void>;
}

export class FileJournal implements Journal, AsyncDisposable {
  readonly #file: FileHandle;
  readonly #run: string;
  #last: Promise<void> = Promise.resolve();

  /** @param run tells the attempts apart */
  static async open(path: string, run: string): Promise<FileJournal> {
    return new FileJournal(await open(path, "a", 0o600), run);
  }

  private constructor(file: FileHandle, run: string) {
    this.#file = file;
    this.#run = run;
  }

  append(entry: JournalEntry): Promise<void> {
    const line = `${JSON.stringify({ at: new Date().toISOString(), run: this.#run, ...entry })}\n`;
    this.#last = this.#last.then(async () => {
      await this.#file.appendFile(line);
      await this.#file.datasync();
    });
    return this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => {});
    await this.#file.close();
  }
}
