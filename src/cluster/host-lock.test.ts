import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Host } from "#hosts";
import { lookForReal } from "../../test/fakes/cluster-rig.ts";
import { NamespaceHosts } from "../../test/fakes/namespace-hosts.ts";
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
  const first = await holderOf(host);

  await host.run(["kill", "-9", first]);

  while ([first, ""].includes(await holderOf(host)));
  await assert.rejects(lockHost(host, noteOf("other"), { onLost: assert.fail }), { code: "CLUSTER_LOCKED" });
});

test("who loses a lock to somebody else meanwhile is told", async () => {
  await using hosts = await NamespaceHosts.create([address], {});
  const host = lookForReal(hosts.at(address));
  const lost = Promise.withResolvers<unknown>();
  await using _lock = await lockHost(host, noteOf("mine"), { onLost: lost.resolve });
  const holder = await holderOf(host);
  const stop = new AbortController();

  // Waits for the lock already when it becomes free.
  const other = host.run(["bash", "-c", takeOver, "other", holder, JSON.stringify(noteOf("other"))], {
    signal: stop.signal,
  });

  const error = await lost.promise;
  stop.abort();
  await other.catch(() => {});
  assert.match(String(error), /the cluster other is being changed by me/);
});

const takeOver = `
exec 8<>/run/sealer/host.lock
( while ! grep -q -- "-> FLOCK .*:$(stat -c %i /run/sealer/host.lock) " /proc/locks; do sleep 0.01; done; kill -9 "$1" ) 8>&- &
flock 8
echo "$2" > /run/sealer/host.lock
sleep 60
`;

function noteOf(cluster: string): LockHolderNote {
  return { cluster, who: "me", where: "here", since: "2026-01-01T00:00:00Z", doing: "run" };
}

/** The process id of the program that holds the lock; empty where none does. */
async function holderOf(host: Host): Promise<string> {
  const find = `cd /proc; for p in [0-9]*; do if [ "$p/fd/9" -ef /run/sealer/host.lock ] 2>/dev/null; then echo "$p"; fi; done; true`;
  const { stdout } = await host.run(["bash", "-c", find]);
  return stdout.trim().split("\n")[0] ?? "";
}
