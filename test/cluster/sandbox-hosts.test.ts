import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, sendStream } from "#hosts";
import {
  createSandbox,
  deleteSandbox,
  dialerFor,
  execInHost,
  listSandboxes,
  powerOff,
  powerOn,
  type SandboxSupport,
} from "#sandbox";
import { sandboxId } from "../../src/sandbox/layout.ts";
import { cacheDir, type Later, loginTo, sandboxOf, sandboxRoot } from "../fixtures/sandbox.ts";

const sealer = join(import.meta.dirname, "../../bin/sealer");

suite("two sandbox hosts", () => {
  let sandbox: Awaited<ReturnType<typeof sandboxOf>>;
  const cleanups: (() => unknown)[] = [];
  const later: Later = { after: (cleanup) => cleanups.unshift(cleanup) };
  let first: Host;
  let second: Host;
  before(async () => {
    sandbox = await sandboxOf(later, { hosts: ["master", "worker"] });
    first = await loginTo(later, sandbox, 0, "key");
    second = await loginTo(later, sandbox, 1, "password");
  });

  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });

  test("are bare: nothing on them that a ClusterImage should bring", async () => {
    const brought =
      "docker dockerd containerd ctr runc crun crictl nerdctl podman kubeadm kubelet kubectl helm etcd etcdctl cni conntrack " +
      "socat ebtables ethtool ipset ipvsadm jq zstd unzstd curl wget python3 nginx haproxy keepalived";
    const there = await sh(
      first,
      `for i in ${brought}; do command -v $i; done; ls -d /opt/* /etc/cni /etc/docker /etc/containerd /etc/kubernetes 2>/dev/null || true`,
    );
    assert.equal(there, "");
  });

  test("have what a minimal server has", async () => {
    for (const program of "systemctl sshd ip iptables modprobe sysctl ps tar gzip sudo mount bash sed awk dpkg mkfs.ext4".split(
      " ",
    )) {
      assert.notEqual(await sh(first, `command -v ${program}`), "", program);
    }
    assert.notEqual(await sh(first, "ls /etc/ssl/certs/ca-certificates.crt"), "");
  });

  test("boot without a failed unit, with names, addresses, ids and host keys of their own", async () => {
    assert.equal(await sh(first, "systemctl is-system-running --wait"), "running");
    assert.equal(await sh(first, "hostname; cat /etc/hostname"), "master\nmaster");
    const [one, other] = [sandbox.hosts[0]!.address, sandbox.hosts[1]!.address];
    assert.match(await sh(first, "ip -4 -brief address show eth0"), new RegExp(`\\b${one}/24`));
    assert.match(await sh(second, "getent hosts worker"), new RegExp(`^${other}\\b`));
    for (const file of ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"]) {
      assert.notEqual(await sh(first, `cat ${file}`), await sh(second, `cat ${file}`), file);
    }
  });

  test("reach each other, and nothing else", async () => {
    const [{ address: other }] = [sandbox.hosts[1]!];
    await sh(first, `exec 3<>/dev/tcp/${other}/22`);
    await assert.rejects(sh(first, "exec 3<>/dev/tcp/192.0.2.1/80"), { message: /No route to host/ });
    await assert.rejects(sh(first, "getent hosts example.com"));
    const machine = addressesOfThisMachine();
    for (const address of machine) await assert.rejects(sh(first, `exec 3<>/dev/tcp/${address}/22`), address);
  });

  test("modprobe succeeds for what the kernel has, and fails for what it has not", async () => {
    await sh(first, "modprobe overlay && modprobe br_netfilter && modprobe nf_conntrack");
    await assert.rejects(sh(first, "modprobe no_such_module"), { message: /not found/ });
  });

  test("run services with the runc in front, which logins do not see", async () => {
    const inService = (script: string) => sh(first, `systemd-run --quiet --wait --pipe sh -c '${script}'`);
    assert.equal(await sh(first, "command -v runc || true"), "");
    await assert.rejects(inService("runc --version"), { message: /runc: not found/ });
    await sh(first, `printf '#!/bin/sh\\necho real "$@"\\n' >/usr/bin/runc && chmod 755 /usr/bin/runc`);
    assert.equal(await inService("runc state x"), "real state x");
    assert.equal(await sh(first, "command -v runc && rm /usr/bin/runc"), "/usr/bin/runc");
  });

  test("have cgroups of their own, and overlays where container runtimes want them", async () => {
    await sh(first, "systemd-run --quiet --wait -p MemoryMax=50M -p TasksMax=20 true");
    for (const folder of ["docker", "containerd", "kubelet", "etcd", "sealer"]) {
      await sh(
        first,
        `cd /var/lib/${folder} && mkdir -p o/l o/u o/w o/m && mount -t overlay overlay -o lowerdir=o/l,upperdir=o/u,workdir=o/w o/m && umount o/m && rm -rf o`,
      );
    }
  });

  test("take a stream at full length over a socket that was handed over", async () => {
    const megabytes = 64;
    const bytes = async function* () {
      for (let i = 0; i < megabytes; i++) yield Buffer.alloc(1 << 20, i);
    };
    await sendStream(first, bytes(), ["bash", "-c", "cat >/var/lib/sealer/stream"]);
    assert.equal(
      await sh(first, "stat -c %s /var/lib/sealer/stream; rm /var/lib/sealer/stream"),
      String(megabytes << 20),
    );
  });

  test("give many connections at once, and report a refused one as the system does", async () => {
    const dial = dialerFor(sandbox.root);
    const { address } = sandbox.hosts[0]!;
    const greetings = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = await dial(address, 22);
        const [greeting] = await once(socket, "data");
        socket.destroy();
        return String(greeting);
      }),
    );
    for (const greeting of greetings) assert.match(greeting, /^SSH-2\.0-/);
    await assert.rejects(dial(address, 9), { code: "ECONNREFUSED" });
    await assert.rejects(dial(address, 22, AbortSignal.abort(new Error("given up"))), /given up/);
  });

  test("keep their disk through a power cut, and nothing else", async () => {
    await sh(
      second,
      "echo kept >/root/note && echo kept >/var/lib/sealer/note && sync && iptables -A INPUT -p udp -j DROP && ip link add left type bridge",
    );
    const order = { root: sandbox.root, sandbox: sandbox.name, hosts: ["worker"] };

    await powerOff(order);
    assert.deepEqual(
      (await listSandboxes(sandbox.root))[0]?.hosts.map(({ state }) => state),
      ["on", "off"],
    );
    await assert.rejects(dialerFor(sandbox.root)(sandbox.hosts[1]!.address, 22), { code: "EHOSTUNREACH" });
    await assert.rejects(execInHost(sandbox, "worker", ["true"]), { code: "SANDBOX_FAILED" });
    await powerOff(order);
    await powerOn(order);
    await powerOn(order);

    const again = await loginTo(later, sandbox, 1, "key");
    assert.equal(await sh(again, "cat /root/note /var/lib/sealer/note"), "kept\nkept");
    assert.equal(await sh(again, "iptables -S INPUT; ip -brief link show type bridge"), "-P INPUT ACCEPT");
    assert.equal(await sh(again, "systemctl is-system-running --wait"), "running");
  });

  test("creating them again gives the same ones", async () => {
    const again = await createSandbox({
      name: sandbox.name,
      hosts: ["master", "worker"],
      root: sandbox.root,
      cacheDir,
    });
    assert.equal(again.password, sandbox.password);
    assert.deepEqual(again.hosts, sandbox.hosts);
  });

  test("programs run on them without SSH, with their own exit code and environment", async () => {
    const result = await execInHost(
      sandbox,
      "master",
      ["sh", "-c", 'cat; echo "$HOME $1" >&2; hostname; exit 7', "sh", "a b"],
      { input: "in\n" },
    );
    assert.deepEqual(result, { exitCode: 7, stdout: "in\nmaster\n", stderr: "/root a b\n" });
  });
});

test("tells what a machine lacks for sandbox hosts, before anything is made", async (t) => {
  const root = await sandboxRoot(t);
  const check = (place: string) => `${sealer} sandbox check --format json --progress none --root ${place}`;
  const able = spawnSync("sh", ["-c", check(root)], { encoding: "utf8" });
  assert.deepEqual(able.status, 0, able.stdout + able.stderr);

  // An overlay's upper folder cannot lie on an overlay, as in a container.
  const onOverlay = `cd ${root} && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m`;
  const unable = spawnSync("unshare", ["--mount", "sh", "-ec", `${onOverlay}\n${check(`${root}/m`)}`], {
    encoding: "utf8",
  });
  assert.equal(unable.status, 4, unable.stderr);
  const { possible, findings } = JSON.parse(unable.stdout) as SandboxSupport;
  assert.equal(possible, false);
  assert.deepEqual(
    findings.filter(({ ok }) => !ok).map(({ what }) => what),
    ["overlay"],
  );
});

test("a host with a limited disk runs out of it, and of nothing else", async (t) => {
  const sandbox = await sandboxOf(t, { hosts: 1, diskBytes: 100e6 });
  const host = await loginTo(t, sandbox);
  for (const place of ["/var/lib/docker", "/opt"]) {
    await assert.rejects(sh(host, `head -c 200M /dev/zero >${place}/big`), {
      message: /No space left on device/,
    });
    await sh(host, `rm ${place}/big && head -c 20M /dev/zero >${place}/small && rm ${place}/small`);
  }
  await sh(host, "echo kept >/root/note && sync");
  await powerOff({ root: sandbox.root, sandbox: sandbox.name });
  await powerOn({ root: sandbox.root, sandbox: sandbox.name });
  const { stdout } = await execInHost(sandbox, "host-1", ["cat", "/root/note"]);
  assert.equal(stdout, "kept\n");
});

test("hosts outlive the process that made them; other sandboxes get other subnets", async (t) => {
  const root = await sandboxRoot(t);
  await Promise.all(
    ["one", "two"].map(async (name) => {
      const child = startSealer(root, "sandbox", "create", name);
      assert.deepEqual(await once(child, "exit"), [0, null]);
    }),
  );
  const sandboxes = await listSandboxes(root);
  assert.deepEqual(
    sandboxes.map(({ hosts }) => hosts[0]?.state),
    ["on", "on"],
  );
  assert.notEqual(sandboxes[0]!.subnet, sandboxes[1]!.subnet);
  for (const sandbox of sandboxes) {
    const { stdout } = await execInHost(sandbox, "host-1", ["systemctl", "is-active", "ssh"]);
    assert.equal(stdout, "active\n");
  }
});

test("deleting leaves nothing, also when creating or deleting was killed half-way", async (t) => {
  const root = await sandboxRoot(t);
  await createSandbox({ name: "trial", hosts: 2, root, cacheDir, diskBytes: 100e6 });
  const full = leftovers(root);
  for (const [what, found] of Object.entries(full)) {
    assert.notEqual(found.length, 0, `a living sandbox has ${what}`);
  }
  await deleteSandbox(root, "trial");
  const clean = Object.fromEntries(Object.keys(full).map((what) => [what, []]));
  assert.deepEqual(leftovers(root), clean);

  const folder = join(root, "sandbox/trial");
  const moments: readonly [string, () => boolean][] = [
    ["it has a folder", () => existsSync(folder)],
    ["it has a record", () => existsSync(join(folder, "sandbox.json"))],
    ["a host has a network", () => existsSync(join(folder, "hosts/host-1"))],
    ["a host has a PID 1", () => existsSync(join(folder, "hosts/host-2/init"))],
  ];
  for (const [moment, reached] of moments) {
    await killedWhen(startSealer(root, "sandbox", "create", "trial", "--hosts", "2"), reached);
    await deleteSandbox(root, "trial");
    assert.deepEqual(leftovers(root), clean, `killed when ${moment}`);
    assert.equal(existsSync(folder), false, moment);
  }

  await createSandbox({ name: "trial", hosts: 2, root, cacheDir });
  await killedWhen(
    startSealer(root, "sandbox", "delete", "trial"),
    () => !existsSync(join(folder, "hosts/host-1/init")),
  );
  await deleteSandbox(root, "trial");
  assert.deepEqual(leftovers(root), clean, "killed while deleting");
  assert.equal(await deleteSandbox(root, "trial"), false);
});

test("a sandbox whose folder was removed under it can still be deleted", async (t) => {
  const root = await sandboxRoot(t);
  await createSandbox({ name: "trial", hosts: 1, root, cacheDir });
  await rm(join(root, "sandbox/trial"), { recursive: true, force: true });
  assert.equal(await deleteSandbox(root, "trial"), true);
  for (const [what, found] of Object.entries(leftovers(root))) assert.deepEqual(found, [], what);
});

test("a sandbox that was given up while it was made is gone", async (t) => {
  const root = await sandboxRoot(t);
  const controller = new AbortController();
  const created = createSandbox({ name: "trial", hosts: 2, root, cacheDir, signal: controller.signal });
  const reached = until(() => existsSync(join(root, "sandbox/trial/hosts/host-1/init")));
  const givenUp = reached.then(() => controller.abort(new Error("given up")));
  await assert.rejects(created, { message: "given up" });
  await givenUp;
  for (const [what, found] of Object.entries(leftovers(root))) assert.deepEqual(found, [], what);
});

/** Runs a script on a host and gives what it printed, without the last newline. */
async function sh(host: Host, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await host.run(["bash", "-c", script]);
  if (exitCode !== 0) throw new Error(`exited ${exitCode}: ${stderr}`);
  return stdout.trimEnd();
}

function startSealer(root: string, ...argv: string[]): ChildProcess {
  return spawn(sealer, [...argv, "--root", root, "--quiet"], { stdio: ["ignore", "ignore", "inherit"] });
}

async function killedWhen(child: ChildProcess, reached: () => boolean): Promise<void> {
  const ended = once(child, "exit");
  await until(() => reached() || child.exitCode !== null);
  child.kill("SIGKILL");
  await ended;
}

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await sleep(1);
}

/** What this machine has of the sandboxes under one root; other sandboxes may come and go. */
function leftovers(root: string) {
  const id = sandboxId(root, "trial");
  const ours = (texts: readonly string[]) =>
    texts.filter((text) => text.includes(id) || text.includes(root)).sort();
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return {
    mounts: ours(readFileSync("/proc/self/mounts", "utf8").split("\n")),
    networks: ours(readdirSync("/run/netns")),
    cgroups: ours(
      spawnSync("find", ["/sys/fs/cgroup", "-type", "d"], { encoding: "utf8" }).stdout.split("\n"),
    ),
    processes: ours(processes.map((pid) => read(`/proc/${pid}/cmdline`) + read(`/proc/${pid}/cgroup`))),
    loops: ours(readdirSync("/sys/block").map((name) => read(`/sys/block/${name}/loop/backing_file`))),
    users: ours(existsSync("/run/sealer-sandbox") ? readdirSync("/run/sealer-sandbox/users") : []),
    files: readdirSync(join(root, "sandbox")),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}

function addressesOfThisMachine(): string[] {
  const text = execFileSync("ip", ["-4", "-brief", "address"], { encoding: "utf8" });
  return [...text.matchAll(/ (\d+\.\d+\.\d+\.\d+)\//g)]
    .map(([, address = ""]) => address)
    .filter((a) => !a.startsWith("127."));
}
