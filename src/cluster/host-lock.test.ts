import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { lookForReal } from "../../test/fakes/cluster-rig.ts";
import { NamespaceHosts } from "../../test/fakes/namespace-hosts.ts";
import { lockHolder, takeLock } from "../../test/fakes/take-lock.ts";
import { type LockHolderNote, lockHost } from "./host-lock.ts";

const address = "10.0.0.1";

test("a host is locked for one cluster at a time, and no trace of that stays", async () => {
  await using hosts = await NamespaceHosts.create([address], {});
  const host = lookForReal(hosts.at(address));
  const lock = await lockHost(host, noteOf("mine"), { onLost: assert.fail });

  await assert.rejects(lockHost(host, noteOf("other"), { onLost: assert.fail }), {
    code: "CLUSTER_LOCKED",
    message: /the cluster mine is being changed by me/,
  });
  await lock[Symbol.asyncDispose]();
  await (await lockHost(host, noteOf("other"), { onLost: assert.fail }))[Symbol.asyncDispose]();

  assert.ok(!(await readdir(join(hosts.at(address).files, "run"))).includes("sealer"));
});

test("a lock that a broken connection has lost is taken again", async () => {
  await using hosts = await NamespaceHosts.create([address], {});
  const host = lookForReal(hosts.at(address));
  await using _lock = await lockHost(host, noteOf("mine"), { onLost: assert.fail });
  const first = await lockHolder(host);

  await host.run(["kill", "-9", first]);

  while ([first, ""].includes(await lockHolder(host)));
  await assert.rejects(lockHost(host, noteOf("other"), { onLost: assert.fail }), { code: "CLUSTER_LOCKED" });
});

test("who loses a lock to somebody else meanwhile is told", async () => {
  await using hosts = await NamespaceHosts.create([address], {});
  const host = lookForReal(hosts.at(address));
  const lost = Promise.withResolvers<unknown>();
  await using _lock = await lockHost(host, noteOf("mine"), { onLost: lost.resolve });

  await using _other = await takeLock(host, JSON.stringify(noteOf("other")));

  assert.match(String(await lost.promise), /the cluster other is being changed by me/);
});

function noteOf(cluster: string): LockHolderNote {
  return { cluster, who: "me", where: "here", since: "2026-01-01T00:00:00Z", doing: "run" };
}
