import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { hostContract } from "../../test/contracts/host-contract.ts";
import { type Sshd, startSshd } from "../../test/fixtures/sshd.ts";
import { connectHost } from "./connect-host.ts";
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
after(() => sshd[Symbol.asyncDispose]());

hostContract("SSH as root", () => hostOf({ user: "root", privateKey: sshd.privateKey }));
hostContract("SSH with sudo", () => hostOf({ user: "free", privateKey: sshd.privateKey }));
hostContract("SSH with sudo and its password", () => hostOf({ user: "asked", password: asked }));

async function hostOf(login: { user: string; privateKey?: string; password?: string }) {
  const folder = await mkdtemp(join(tmpdir(), "ssh-host-"));
  const knownHosts = new KnownHosts(join(sshd.folder, "known_hosts"));
  const host = await connectHost({ address: "127.0.0.1", port: sshd.port, knownHosts, ...login });
  return {
    host,
    folder,
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
