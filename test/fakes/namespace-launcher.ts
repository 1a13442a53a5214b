import { type Launcher, LocalLauncher, type RunningProgram } from "#hosts";

/** Where a host is that lives in namespaces: enough for another process to enter it too. */
export interface HostPlace {
  readonly name: string;
  readonly address: string;
  /** Of a process in its namespaces. */
  readonly pid: number;
  /** Where its files are: `<files>/etc`, `<files>/var/lib`, … */
  readonly files: string;
  /** What all hosts see as /srv. */
  readonly shared: string;
}

/** Programs in a host's namespaces. */
export class NamespaceLauncher implements Launcher {
  readonly address: string;
  readonly #local: LocalLauncher;
  readonly #pid: number;

  constructor({ address, pid }: HostPlace) {
    this.address = address;
    this.#pid = pid;
    this.#local = new LocalLauncher(address);
  }

  launch(argv: readonly string[]): Promise<RunningProgram> {
    return this.#local.launch(["nsenter", "-t", String(this.#pid), "-m", "-u", "--", ...argv]);
  }

  connect(address: string, port: number) {
    return this.#local.connect(address, port);
  }

  close(): Promise<void> {
    return this.#local.close();
  }
}
