import { connect, type Socket } from "node:net";

/** Opens a TCP connection. What comes back is connected; a failure is the system's own (ECONNREFUSED, …). */
export type Dial = (address: string, port: number, signal?: AbortSignal) => Promise<Socket>;

/** Plain TCP, without waiting to fill packets (setNoDelay). */
export const dialTcp: Dial = (address, port, signal) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    const abort = () => socket.destroy(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    socket.once("connect", () => {
      signal?.removeEventListener("abort", abort);
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
