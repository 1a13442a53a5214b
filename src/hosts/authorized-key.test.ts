import assert from "node:assert/strict";
import { test } from "node:test";
import { installAuthorizedKey, removeAuthorizedKey } from "./authorized-key.ts";
import { FakeHost } from "./fake-host.ts";

const path = "/home/ann/.ssh/authorized_keys";
const mine = { cluster: "my-cluster", user: "ann", publicKey: "ssh-ed25519 AAAAkey some comment" };

test("lets a key in, once, and takes it out again", async () => {
  await using host = hostOfAnn();

  assert.equal(await installAuthorizedKey(host, mine), true);
  assert.equal(await installAuthorizedKey(host, mine), false);

  assert.equal(String(await host.readFile(path)), "ssh-ed25519 AAAAkey # sealer my-cluster\n");
  const { mode, uid, gid } = (await host.stat(path)) ?? {};
  assert.deepEqual([mode, uid, gid], [0o600, 1000, 1001]);
  assert.equal((await host.stat("/home/ann/.ssh"))?.mode, 0o700);
  assert.equal(await removeAuthorizedKey(host, mine), true);
  assert.equal(await removeAuthorizedKey(host, mine), false);
  assert.equal(String(await host.readFile(path)), "");
});

test("keeps other lines, mode and owner, also where the last line has no end", async () => {
  await using host = hostOfAnn();
  const others = "# my keys\r\nssh-rsa BBBB ann@home\nssh-ed25519 CCCC # sealer my-cluster-2";
  await host.writeFile(path, others, { mode: 0o640, owner: { uid: 7, gid: 8 } });

  await installAuthorizedKey(host, mine);

  assert.equal(String(await host.readFile(path)), `${others}\nssh-ed25519 AAAAkey # sealer my-cluster\n`);
  const { mode, uid, gid } = (await host.stat(path)) ?? {};
  assert.deepEqual([mode, uid, gid], [0o640, 7, 8]);
});

test("replaces an older key of the same cluster, and leaves one that is in its place where it is", async () => {
  await using host = hostOfAnn();
  await installAuthorizedKey(host, { ...mine, publicKey: "ssh-ed25519 OLD" });
  await installAuthorizedKey(host, mine);
  await host.writeFile(path, `${await host.readFile(path)}ssh-rsa BBBB later\n`);

  assert.equal(await installAuthorizedKey(host, mine), false);
  assert.equal(
    String(await host.readFile(path)),
    "ssh-ed25519 AAAAkey # sealer my-cluster\nssh-rsa BBBB later\n",
  );
});

test("says that the user is not there", async () => {
  await using host = hostOfAnn();

  await assert.rejects(installAuthorizedKey(host, { ...mine, user: "bob" }), {
    code: "HOST_UNFIT",
    message: /no user bob/,
  });
});

function hostOfAnn(): FakeHost {
  return new FakeHost("10.0.0.1", {
    programs: { "getent passwd ann": "ann:x:1000:1001:Ann:/home/ann:/bin/bash\n", "getent passwd": 2 },
  });
}
