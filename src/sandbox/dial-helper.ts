import type { Socket } from "node:net";

export type DialOrder =
  | { readonly id: number; readonly address: string; readonly port: number }
  | { readonly abandon: number };

export interface DialAnswer {
  readonly id: number;
  /** Without it the message carries the connected socket. */
  readonly failure?: { readonly message: string; readonly code: string | undefined };
}

/**
 * Runs in a process of its own inside a sandbox's network namespace: connects as ordered and hands the sockets over. It
 * is passed on as source text, so it uses nothing of this module.
 */
export function dialHelper(): void {
  const { connect } = process.getBuiltinModule("node:net");
  const connecting = new Map<number, Socket>();
  process.on("message", (order: DialOrder) => {
    if ("abandon" in order) {
      connecting.get(order.abandon)?.destroy();
      connecting.delete(order.abandon);
      return;
    }
    const { id, address, port } = order;
    const socket = connect({ host: address, port });
    // What the far end says first is for whoever gets the socket.
    socket.pause();
    connecting.set(id, socket);
    socket.once("error", ({ message, code }: NodeJS.ErrnoException) => {
      if (connecting.delete(id)) process.send?.({ id, failure: { message, code } });
    });
    socket.once("connect", () => {
      connecting.delete(id);
      socket.setNoDelay(true);
      process.send?.({ id }, socket);
    });
  });
  process.on("disconnect", () => process.exit(0));
}

/** Stands in the argument list of every such process. */
export const dialHelperMark = "sealer-sandbox-dial";
