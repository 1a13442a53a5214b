import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { connect } from "node:net";
import { test } from "node:test";
import { hostContract } from "../../test/contracts/host-contract.ts";
import { type FakeCall, FakeHost, type FakeReply } from "./fake-host.ts";
import { LocalHost } from "./local-host.ts";
import { runScript } from "./run-script.ts";

hostContract("FakeHost", async () => {
  const names = ["sh", "bash", "cat", "sha256sum", "sleep", "true", "echo", "init.sh", "script"];
  const programs = Object.fromEntries(names.map((name) => [name, onThisMachine]));
  const host = new FakeHost("10.0.0.1", { programs, reach: (address, port) => dialled(address, port) });
  return { host, folder: "/var/lib", [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
});

test("FakeHost: records what ran, and answers by the longest match", async () => {
  await using host = new FakeHost("10.0.0.2", {
    programs: {
      kubeadm: 1,
      "kubeadm token create": "abc.def\n",
      "init.sh": ({ script }) => script?.script ?? "",
    },
  });

  const token = await host.run(["kubeadm", "token", "create"]);
  const join = await host.run(["kubeadm", "join"], { env: { A: "1" } });
  const init = await runScript(host, "echo hi", { name: "init.sh", args: ["/var/lib/docker"] });

  assert.deepEqual([token.stdout, join.exitCode, init.stdout], ["abc.def\n", 1, "echo hi"]);
  assert.deepEqual(host.ran, ["kubeadm token create", "kubeadm join", "init.sh /var/lib/docker"]);
  assert.deepEqual(host.calls[1]?.env, { A: "1" });
});

test("FakeHost: no symbolic link leads out of its folder", async () => {
  await using host = new FakeHost();
  await host.writeFile("/etc/hostname", "fake");
  await symlink("/etc", `${host.root}/link`);
  await symlink("../../../../etc/passwd", `${host.root}/out`);

  assert.equal(String(await host.readFile("/link/hostname")), "fake");
  assert.equal(await host.readFile("/out"), undefined);
  assert.equal((await host.stat("/out"))?.type, "symlink");
});

/** The program of that name on this machine, in place of a scripted one. */
async function onThisMachine({ argv, stdin, env, signal }: FakeCall): Promise<FakeReply> {
  return new LocalHost().run(argv, { stdin, env, signal });
}

async function dialled(address: string, port: number) {
  const stream = connect({ host: address, port, allowHalfOpen: true });
  await new Promise((resolve, reject) => stream.once("connect", resolve).once("error", reject));
  return stream;
}
