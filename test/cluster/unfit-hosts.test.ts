import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { freshHosts, inside, type TestHost } from "./support/hosts.ts";
import { buildImages } from "./support/images.ts";
import { type Outcome, sealer, sealerWatched } from "./support/sealer.ts";

/* Wrong hosts: one clear message, exit code 4 (2 where the command line is wrong), and nothing half done. */
const cluster = "unfit-journey";
let hosts: TestHost[] = [];
let privateKey = "";

before(async () => {
  buildImages("docker");
  ({ hosts, privateKey } = await freshHosts(cluster, ["m1", "w1"], "--disk-size", "4GB"));
});

after(async () => {
  await sealer(["delete", "--cluster-name", cluster, "--all", "--force"]);
  await sealer(["sandbox", "delete", cluster]);
});

const run = (masters: string, nodes: string, ...login: readonly string[]) =>
  sealer([
    "run",
    "web:1.0",
    "--cluster-name",
    cluster,
    "-m",
    masters,
    ...(nodes ? ["-n", nodes] : []),
    ...login,
  ]);

async function nothingIsDone(): Promise<void> {
  for (const host of hosts) {
    const left = await inside(
      host,
      "ls /var/lib/sealer/data 2>/dev/null; command -v kubeadm dockerd; grep sealer /etc/hosts; true",
    );
    assert.equal(left.trim(), "", host.name);
  }
}

function refused({ code, stderr }: Outcome, exitCode: number, ...says: readonly RegExp[]): void {
  assert.equal(code, exitCode, stderr);
  for (const words of says) assert.match(stderr, words);
  assert.doesNotMatch(stderr, /^ {4}at /m, "a stack is for bugs");
}

test("two masters with one address", async () => {
  const address = hosts[0]!.address;
  refused(await run(`${address},${address}`, "", "--pk", privateKey), 2, new RegExp(address), /twice/i);
});

test("nodes without a master, and a range that runs backwards", async () => {
  refused(await sealer(["run", "web:1.0", "-n", hosts[1]!.address]), 2, /master/i);
  refused(await run("10.0.0.9-10.0.0.1", "", "--pk", privateKey), 2, /10\.0\.0\.9/);
});

test("an image that is nowhere", async () => {
  const outcome = await sealer([
    "run",
    "localhost:1/nowhere:1",
    "--cluster-name",
    cluster,
    "-m",
    hosts[0]!.address,
    "--pk",
    privateKey,
  ]);
  refused(outcome, 3, /nowhere/);
});

test("a host that is down is named, and the others are left alone", async () => {
  const down = hosts[1]!.address.replace(/\d+$/, "99");
  refused(await run(hosts[0]!.address, down, "--pk", privateKey), 4, new RegExp(down.replaceAll(".", "\\.")));
  await nothingIsDone();
});

test("a refused password", async () => {
  refused(await run(hosts[0]!.address, hosts[1]!.address, "-p", "wrong-password"), 4, /password/i, /hint/);
  await nothingIsDone();
});

test("a host that lacks a tool", async () => {
  await inside(hosts[1]!, "mv /usr/sbin/iptables /usr/sbin/iptables.away");
  refused(
    await run(hosts[0]!.address, hosts[1]!.address, "--pk", privateKey),
    4,
    /iptables/,
    new RegExp(hosts[1]!.address),
  );
  await inside(hosts[1]!, "mv /usr/sbin/iptables.away /usr/sbin/iptables");
  await nothingIsDone();
});

test("a host of another architecture", async () => {
  await inside(
    hosts[1]!,
    "mv /bin/uname /bin/uname.away && printf '#!/bin/sh\\n/bin/uname.away \"$@\" | sed s/x86_64/s390x/g\\n' > /bin/uname && chmod 755 /bin/uname",
  );
  refused(await run(hosts[0]!.address, hosts[1]!.address, "--pk", privateKey), 4, /s390x/);
  await inside(hosts[1]!, "mv /bin/uname.away /bin/uname");
  await nothingIsDone();
});

test("a disk that is too small is told beforehand, with what is needed", async () => {
  await fillDisk(hosts[1]!, 200_000_000);
  const outcome = await run(hosts[0]!.address, hosts[1]!.address, "--pk", privateKey);
  await inside(hosts[1]!, "rm /var/lib/sealer/filler");
  refused(outcome, 4, new RegExp(hosts[1]!.address), /MB|GB/, /disk|space|free/i);
  await nothingIsDone();
});

test("a disk that is full half-way: told with the host, and the same run goes on once there is room", async () => {
  let filled: Promise<void> | undefined;
  const args = [
    "run",
    "web:1.0",
    "--cluster-name",
    cluster,
    "-m",
    hosts[0]!.address,
    "-n",
    hosts[1]!.address,
  ];
  const { code, stderr } = await sealerWatched([...args, "--pk", privateKey], (event) => {
    if (event.type !== "task-started" || event.host !== hosts[1]!.address || !/rootfs/i.test(event.title))
      return;
    filled ??= fillWhatIsLeft(hosts[1]!);
  });
  await filled;
  assert.equal(code, 4, stderr);
  assert.match(stderr.split("\n").at(-1) ?? "", /"error":.*No space left|"error":.*full/i);
  assert.match(stderr.split("\n").at(-1) ?? "", new RegExp(hosts[1]!.address));
  await inside(hosts[1]!, "rm /var/lib/sealer/filler");
  const again = await sealer([...args, "--pk", privateKey]);
  assert.equal(again.code, 0, again.stderr);
});

/** Takes what there is while others write: first most of it at once, then the rest. */
async function fillWhatIsLeft(host: TestHost): Promise<void> {
  const filler = "/var/lib/sealer/filler";
  await inside(
    host,
    `free=$(df --output=avail -B1 /var/lib/sealer | tail -1); fallocate -l $((free - 200000000)) ${filler}; cat /dev/zero >> ${filler} 2>/dev/null; true`,
  );
}

/** Takes all but `left` bytes of the host's disk. */
async function fillDisk(host: TestHost, left: number): Promise<void> {
  const free = Number(await inside(host, "df --output=avail -B1 /var/lib/sealer | tail -1"));
  await inside(host, `fallocate -l ${free - left} /var/lib/sealer/filler`);
}
