import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Sshd, startSshd } from "../../test/fixtures/sshd.ts";
import { installAuthorizedKey } from "./authorized-key.ts";
import { connectHost, type SshOptions } from "./connect-host.ts";
import { type Dial, dialTcp } from "./dial.ts";
import { generateKeyPair } from "./generate-key-pair.ts";
import type { Host } from "./host.ts";
import { KnownHosts } from "./known-hosts.ts";
import { runOrThrow } from "./run-or-throw.ts";
import { sendStream } from "./send-stream.ts";

const password = "corr3ct-horse";
let sshd: Sshd;

before(async () => {
  sshd = await startSshd({
    users: ["ann", "askedby", "barred", "tty"].map((name) => ({ name, password })),
    sudoers: [
      "Defaults:tty requiretty",
      "ann ALL=(ALL) NOPASSWD: ALL",
      "askedby ALL=(ALL) ALL",
      "tty ALL=(ALL) NOPASSWD: ALL",
      "",
    ].join("\n"),
    config: ["RekeyLimit 4M", "MaxSessions 3"],
  });
});
after(() => sshd[Symbol.asyncDispose]());

test("logs in with the key first, and then the password", async () => {
  const strangerKey = generateKeyPair("").privateKey;

  await using both = await login({ user: "ann", privateKey: strangerKey, password });
  await using keyOnly = await login({ user: "ann", privateKey: sshd.privateKey, password: "wrong" });

  assert.equal(await runOrThrow(both, ["id", "-un"]), "root\n");
  assert.equal(await runOrThrow(keyOnly, ["id", "-un"]), "root\n");
});

test("says which ways were tried and which the host takes", async () => {
  const privateKey = generateKeyPair("").privateKey;

  await assert.rejects(login({ user: "ann", privateKey, password: "wr0ng-secret" }), (error: Error) => {
    assert.match(
      error.message,
      /^127\.0\.0\.1:\d+ did not let ann in: it refused key, then password; it takes key, password$/,
    );
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /wr0ng-secret/);
    return (error as { code?: string }).code === "HOST_LOGIN_REFUSED";
  });
  await assert.rejects(login({ user: "ann" }), {
    code: "HOST_LOGIN_REFUSED",
    message: /was given neither a password nor a key; it takes key, password$/,
  });
});

test("answers a host that asks for the password itself (keyboard-interactive)", async () => {
  await using asking = await startSshd({
    users: [{ name: "ann", password }],
    sudoers: "ann ALL=(ALL) NOPASSWD: ALL\n",
    config: ["UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"],
  });

  await using host = await login({ user: "ann", password }, asking);

  assert.equal(await runOrThrow(host, ["id", "-u"]), "0\n");
  await assert.rejects(login({ user: "ann", password: "wrong" }, asking), {
    code: "HOST_LOGIN_REFUSED",
    message: /refused keyboard-interactive/,
  });
});

test("speaks no SHA-1, and says so of a host that speaks nothing else", async () => {
  for (const line of [
    "KexAlgorithms diffie-hellman-group14-sha1",
    "Ciphers aes128-cbc",
    "HostKeyAlgorithms ssh-rsa",
  ]) {
    await using old = await startSshd({
      config: [line],
      ...(line.includes("ssh-rsa") ? { hostKeyType: "rsa" } : {}),
    });

    await assert.rejects(login({ privateKey: old.privateKey }, old), {
      code: "HOST_UNFIT",
      message: /no longer safe/,
    });
  }
});

test("says why sudo cannot be used, before anything else is done", async () => {
  const cases = [
    [{ user: "askedby", privateKey: sshd.privateKey }, /sudo asks for a password that sealer does not have/],
    [
      { user: "askedby", privateKey: sshd.privateKey, sudoPassword: "wr0ng" },
      /sudo did not take the password/,
    ],
    [{ user: "barred", password }, /sudo does not let this login become root/],
    [{ user: "tty", password }, /wants a terminal/],
  ] as const;
  for (const [how, why] of cases) {
    await assert.rejects(login(how), (error: Error & { code?: string }) => {
      assert.equal(error.code, "HOST_UNFIT");
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /wr0ng|corr3ct/);
      return true;
    });
  }
});

test("shows sudo's password to nobody", async () => {
  await using host = await login({ user: "askedby", password });

  const everything = await runOrThrow(
    host,
    ["sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '; cat"],
    {
      stdin: "the input",
    },
  );

  assert.ok(everything.endsWith("the input"));
  assert.doesNotMatch(everything, /corr3ct/);
});

test("tells why a host cannot be reached", async () => {
  const knownHosts = new KnownHosts("/nowhere");
  const unreachable = (dial: Dial) =>
    connectHost({ address: "10.0.0.7", knownHosts, dial, password, connectTimeout: 200 });
  const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));

  await assert.rejects(
    unreachable((_address, _port, signal) => dialTcp("127.0.0.1", 1, signal)),
    {
      code: "HOST_UNREACHABLE",
      message: "10.0.0.7 cannot be reached over SSH: connection refused",
    },
  );
  await assert.rejects(unreachable(failing("EHOSTUNREACH")), {
    code: "HOST_UNREACHABLE",
    message: /no route to host/,
  });
  await assert.rejects(
    unreachable(
      (_address, _port, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
    ),
    { code: "HOST_UNREACHABLE", message: /no answer within/ },
  );
});

test("tells of a server that is not an SSH server, or says nothing", async () => {
  for (const [greeting, why] of [
    ["HTTP/1.1 400 Bad Request\r\n\r\n", /cannot be reached over SSH/],
    ["", /no answer within/],
  ] as const) {
    const server = createServer((socket) => {
      if (greeting) socket.end(greeting);
      socket.on("error", () => {});
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };

    await assert.rejects(
      connectHost({
        address: "127.0.0.1",
        port,
        password,
        knownHosts: new KnownHosts("/nowhere"),
        connectTimeout: 500,
      }),
      { code: "HOST_UNREACHABLE", message: why },
    );
    server.close();
  }
});

test("remembers a host's key, tells its fingerprint, and sends nothing once it has changed", async () => {
  await using server = await startSshd();
  const told: string[] = [];
  const known = knownHostsOf(server);
  await using host = await login(
    { privateKey: server.privateKey, progress: (event) => told.push(JSON.stringify(event)) },
    server,
  );
  const fingerprint = execFileSync("ssh-keygen", ["-lf", join(server.folder, "host_key")], {
    encoding: "utf8",
  }).split(" ")[1];
  assert.ok(fingerprint && told.join().includes(fingerprint));

  await server.restart({ newHostKey: true });

  await assert.rejects(host.run(["touch", join(server.folder, "sent")]), { code: "HOST_KEY_CHANGED" });
  await assert.rejects(login({ privateKey: server.privateKey }, server), { code: "HOST_KEY_CHANGED" });
  assert.throws(() => readFileSync(join(server.folder, "sent")));
  await known.forget("127.0.0.1", server.port);
  await using again = await login({ privateKey: server.privateKey }, server);
  assert.equal((await again.run(["true"])).exitCode, 0);
});

test("says that the connection broke, does not repeat the command, and connects again for the next one", async () => {
  await using server = await startSshd();
  await using host = await login({ privateKey: server.privateKey }, server);
  const marks = join(server.folder, "marks");
  const running = host.run(["sh", "-c", 'echo x >> "$1"; sleep 60', "mark", marks]);
  await until(async () => (await host.stat(marks)) !== undefined);

  await Promise.all([
    assert.rejects(running, { code: "HOST_UNREACHABLE", message: /broke before the command had ended/ }),
    server.restart(),
  ]);

  assert.equal(await runOrThrow(host, ["cat", marks]), "x\n");
});

test("finds a partition while it sends, and while it waits", async () => {
  const wire = new Wire();
  await using host = await login({ privateKey: sshd.privateKey, dial: wire.dial, silence: 2 });
  const endless = async function* () {
    for (;;) yield Buffer.alloc(65_536);
  };
  const sending = sendStream(host, endless(), ["sh", "-c", "cat >/dev/null"]);
  const waiting = host.run(["sleep", "60"]);
  await new Promise((resolve) => setTimeout(resolve, 200));

  wire.cut();

  await assert.rejects(sending, { code: "HOST_UNREACHABLE", message: /no answer for 2 seconds/ });
  await assert.rejects(waiting, { code: "HOST_UNREACHABLE" });
  wire.mend();
  assert.equal((await host.run(["true"])).exitCode, 0);
});

test("gets along with a host that allows few programs at a time", async () => {
  await using host = await login({ privateKey: sshd.privateKey });

  const results = await Promise.all(
    Array.from({ length: 12 }, (_, index) => runOrThrow(host, ["echo", `${index}`])),
  );

  assert.deepEqual(
    results.map(Number),
    Array.from({ length: 12 }, (_, index) => index),
  );
});

test("keeps a stream whole while keys are exchanged anew", async () => {
  await using host = await login({ privateKey: sshd.privateKey });
  const chunk = Buffer.alloc(1 << 20, "rekey ");
  const bytes = async function* () {
    for (let count = 0; count < 30; count++) yield chunk;
  };

  const { stdout } = await sendStream(host, bytes(), ["sh", "-c", "wc -c; yes | head -c 30000000 >&2"]);

  assert.equal(Number(stdout), 30 * chunk.length);
});

for (const [how, logIn] of [
  ["root", () => login({ privateKey: sshd.privateKey })],
  ["sudo", () => login({ user: "ann", privateKey: sshd.privateKey })],
  ["sudo with a password", () => login({ user: "askedby", password })],
] as const) {
  test(`ends the program that it gives up, and what that has started (${how})`, async () => {
    await using host = await logIn();
    const stop = new AbortController();
    const pids: string[] = [];
    const running = host.run(["sh", "-c", "sleep 600 & echo $$ $!; wait; echo never"], {
      signal: stop.signal,
      onLine: (line) => {
        pids.push(...line.split(" "));
        stop.abort(new Error("enough"));
      },
    });

    await assert.rejects(running, { message: "enough" });

    assert.equal(pids.length, 2);
    for (const pid of pids) await until(async () => !(await isRunning(host, pid)));
  });
}

test("lets a program that ignores our end run on when our side is gone", async () => {
  const host = await login({ privateKey: sshd.privateKey });
  const mark = join(sshd.folder, "survived");
  const started = Promise.withResolvers<void>();
  const script = 'trap "" HUP PIPE TERM; exec 3>&1; echo started; cat; echo said; echo done >"$1"';
  const running = host.run(["bash", "-c", script, "survivor", mark], {
    stdin: (async function* () {
      yield "input ";
      await started.promise;
      await host.close();
    })(),
    onLine: () => started.resolve(),
  });

  await assert.rejects(running, { code: "HOST_UNREACHABLE" });

  await using again = await login({ privateKey: sshd.privateKey });
  await until(async () => ((await again.stat(mark))?.size ?? 0) > 0);
  assert.equal(String(await again.readFile(mark)), "done\n");
});

test("does not wait for what a program leaves in the background", async () => {
  await using host = await login({ privateKey: sshd.privateKey });

  const { exitCode, stdout } = await host.run(["sh", "-c", "sleep 300 & echo $!; exit 6"]);

  assert.equal(exitCode, 6);
  await host.run(["kill", stdout.trim()]);
});

test("takes programs and addresses for nothing but data", async () => {
  await using host = await login({ privateKey: sshd.privateKey });

  assert.equal((await host.run(["; touch /tmp/no", "a"])).exitCode, 127);
  await assert.rejects(host.connect("$(id)", 80), { code: "HOST_UNREACHABLE" });
});

test("says how much room there is where a file does not fit, and leaves what was there", async () => {
  await using host = await login({ privateKey: sshd.privateKey });
  const folder = join(sshd.folder, "small");
  mkdirSync(folder);
  await runOrThrow(host, ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder]);
  await host.writeFile(`${folder}/file`, "before");

  await assert.rejects(
    host.writeFile(`${folder}/file`, Buffer.alloc(200_000)),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "HOST_DISK_FULL");
      assert.match(
        error.message,
        /no space left for \S+\/small\/file, 200000 bytes needed, 6\d{4} bytes free$/,
      );
      return true;
    },
  );
  const stream = async function* () {
    yield Buffer.alloc(200_000);
  };
  await assert.rejects(
    sendStream(host, stream(), ["sh", "-c", 'cat > "$1"', "sh", `${folder}/other`], {
      path: `${folder}/other`,
    }),
    {
      code: "HOST_DISK_FULL",
    },
  );

  assert.equal(String(await host.readFile(`${folder}/file`)), "before");
  assert.deepEqual(await host.list(folder), ["file", "other"]);
});

test("installs a key that then logs in", async () => {
  await using server = await startSshd({
    config: ["AuthorizedKeysFile .ssh/authorized_keys", "StrictModes yes"],
    users: [{ name: "ann", password }],
    sudoers: "ann ALL=(ALL) ALL\n",
  });
  const { privateKey, publicKey } = generateKeyPair("my-cluster");
  await using byPassword = await login({ user: "ann", password }, server);

  await installAuthorizedKey(byPassword, { cluster: "my-cluster", publicKey, user: "ann" });

  await using byKey = await login({ user: "ann", privateKey, sudoPassword: password }, server);
  assert.equal(await runOrThrow(byKey, ["id", "-u"]), "0\n");
});

/** Waits for something that must happen soon; fails where it does not. */
async function until(happened: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await happened()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail("it did not happen");
}

async function isRunning(host: Host, pid: string): Promise<boolean> {
  const state = (await host.readFile(`/proc/${pid}/stat`))?.toString().split(") ")[1]?.[0];
  return state !== undefined && state !== "Z";
}

function knownHostsOf(server: Sshd): KnownHosts {
  return new KnownHosts(join(server.folder, "known_hosts"));
}

async function login(how: Partial<SshOptions>, server: Sshd = sshd) {
  const host = await connectHost({
    address: "127.0.0.1",
    port: server.port,
    knownHosts: knownHostsOf(server),
    ...how,
  });
  return Object.assign(host, { [Symbol.asyncDispose]: () => host.close() });
}

/** A connection that can be cut without either side being told. */
class Wire {
  readonly #sockets: Socket[] = [];
  #cut = false;

  readonly dial: Dial = async (address, port, signal) => {
    if (this.#cut) throw Object.assign(new Error("cut"), { code: "ETIMEDOUT" });
    const far = await dialTcp(address, port, signal);
    const server = createServer((near) => {
      this.#sockets.push(near, far);
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
      far.on("error", () => near.destroy());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = await dialTcp("127.0.0.1", (server.address() as { port: number }).port);
    server.close();
    return socket;
  };

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets.splice(0)) socket.unpipe().pause();
  }

  mend(): void {
    this.#cut = false;
  }
}
