import { statSync } from "node:fs";
import { SealerError } from "#errors";
import { type Dial, dialTcp } from "#hosts";
import { findSandboxHost } from "./find-sandbox-host.ts";
import { networkPath } from "./layout.ts";
import { NetworkDialer } from "./network-dialer.ts";

/**
 * Dials addresses of sandbox hosts inside their network, which nothing else on this machine reaches, and every other
 * address as usual. Sockets come with Nagle's algorithm off.
 */
export function dialerFor(root: string): Dial {
  const dialers = new Map<string, { dialer: NetworkDialer; inode: number }>();
  return async (address, port, signal) => {
    const found = await findSandboxHost(root, address);
    if (!found) return dialTcp(address, port, signal);
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

function isOff(address: string, sandbox: string): SealerError {
  return new SealerError("HOST_UNREACHABLE", `${address}: sandbox "${sandbox}" is off`, {
    where: address,
    hint: `sealer sandbox start ${sandbox}`,
  });
}
