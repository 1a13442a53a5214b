import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { type DialAnswer, type DialOrder, dialHelper, dialHelperMark } from "./dial-helper.ts";
import { networkPath } from "./layout.ts";
import { programPath } from "./program-path.ts";

/**
 * Connects to addresses inside a network namespace, by a child process that lives there and is kept for the next call.
 * It does not keep this process alive, and ends with it.
 */
export class NetworkDialer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(socket: Socket): void; reject(error: unknown): void }>();
  #lastId = 0;
  #ended: Error | undefined;

  constructor(network: string) {
    const enter = [`--net=${networkPath(network)}`, "--", process.execPath];
    this.#child = spawn("nsenter", [...enter, "--eval", `(${dialHelper})()`, dialHelperMark], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      detached: true, // the terminal's Ctrl-C is for us
      env: { PATH: programPath },
    });
    this.#child.on("message", (answer, handle) =>
      this.#answered(answer as DialAnswer, handle as Socket | undefined),
    );
    this.#child.once("error", (error) => this.#end(error));
    this.#child.once("exit", (code, signal) => {
      this.#end(new Error(`the dialer of network ${network} ended (${code ?? signal})`));
    });
    this.#rest();
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** @throws the connection's own error, such as ECONNREFUSED; the signal's reason */
  async connect(address: string, port: number, signal?: AbortSignal): Promise<Socket> {
    signal?.throwIfAborted();
    if (this.#ended) throw this.#ended;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const abandon = () => {
      this.#send({ abandon: id });
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abandon, { once: true });
    this.#waiting.set(id, { resolve, reject });
    this.#child.ref();
    this.#child.channel?.ref();
    this.#send({ id, address, port });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abandon);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#rest();
    }
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #answered({ id, failure }: DialAnswer, socket: Socket | undefined): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) {
      socket?.destroy(); // it was given up meanwhile
    } else if (socket) {
      socket.setNoDelay(true);
      waiting.resolve(socket);
    } else {
      const { message, code } = failure ?? { message: "the connection broke at once", code: "ECONNRESET" };
      waiting.reject(Object.assign(new Error(message), { code }));
    }
  }

  #send(order: DialOrder): void {
    if (this.#child.connected) this.#child.send(order);
  }

  #rest(): void {
    this.#child.unref();
    this.#child.channel?.unref();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}
