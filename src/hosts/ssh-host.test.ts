import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { hostContract } from "../../test/contracts/host-contract.ts";
import { type Sshd, startSshd } from "../../test/fixtures/sshd.ts";
import { connectHost } from "./connect-host.ts";
import type { Host } from "./host.ts";
import { KnownHosts } from "./known-hosts.ts";

let sshd: Sshd;
const asked = "sealer's pass'word";

before(async () => {
  sshd = await startSshd({
    users: [
      { name: "free", password: asked },
      { name: "asked", password: asked },
    ],
    sudoers: "Defaults secure_path=/usr/sbin:/usr/bin\nfree ALL=(ALL) NOPASSWD: ALL\nasked ALL=(ALL) ALL\n",
  });
});
overOneConnection("SSH as root", () => ({ user: "root", privateKey: sshd.privateKey }));
overOneConnection("SSH with sudo", () => ({ user: "free", privateKey: sshd.privateKey }));
overOneConnection("SSH with sudo and its password", () => ({ user: "asked", password: asked }));

after(() => sshd[Symbol.asyncDispose]());

/** As in a run: whatever happened on a connection, it is there for the next command. */
function overOneConnection(
  name: string,
  login: () => { readonly user: string; readonly privateKey?: string; readonly password?: string },
): void {
  let connecting: Promise<Host> | undefined;
  after(async () => (await connecting)?.close());

  hostContract(name, async () => {
    const knownHosts = new KnownHosts(join(sshd.folder, "known_hosts"));
    connecting ??= connectHost({ address: "127.0.0.1", port: sshd.port, knownHosts, ...login() });
    const host = await connecting;
    const folder = await mkdtemp(join(tmpdir(), "ssh-host-"));
    return { host, folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  });
}
