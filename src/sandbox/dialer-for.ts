import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { SealerError } from "#errors";
import { findSandboxHost } from "./find-sandbox-host.ts";
import { networkPath } from "./layout.ts";
import { NetworkDialer } from "./network-dialer.ts";

/** How a host is reached. */
export type Dial = (address: string, port: number, signal?: AbortSignal) => Promise<Socket>;

/**
 * Dials addresses of sandbox hosts inside their network, which nothing else on this machine reaches, and every other
 * address as usual. Sockets come with Nagle's algorithm off.
 */
export function dialerFor(root: string): Dial {
  const dialers = new Map<string, { dialer: NetworkDialer; inode: number }>();
  return async (address, port, signal) => {
    const found = await findSandboxHost(root, address);
    if (!found) return dialPlainly(address, port, signal);
    const inode = statSync(networkPath(found.network), { throwIfNoEntry: false })?.ino;
    if (inode === undefined) throw isOff(address, found.sandbox);
    let entry = dialers.get(found.network);
    if (!entry || entry.inode !== inode || !entry.dialer.alive) {
      entry?.dialer.close();
      entry = { dialer: new NetworkDialer(found.network), inode };
      dialers.set(found.network, entry);
    }
    return entry.dialer.connect(address, port, signal);
  };
}

async function dialPlainly(address: string, port: number, signal?: AbortSignal): Promise<Socket> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host: address, port, noDelay: true });
  const abandon = () => socket.destroy(signal?.reason);
  signal?.addEventListener("abort", abandon, { once: true });
  socket.once("connect", () => resolve(socket)).once("error", reject);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abandon);
    socket.off("error", reject);
  }
}

function isOff(address: string, sandbox: string): SealerError {
  return new SealerError("HOST_UNREACHABLE", `${address}: sandbox "${sandbox}" is off`, {
    where: address,
    hint: `sealer sandbox start ${sandbox}`,
  });
}
