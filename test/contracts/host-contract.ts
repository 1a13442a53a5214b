import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, HostCommandError, runOrThrow, runScript, sendStream, writeHostFile } from "#hosts";

export interface HostUnderTest extends AsyncDisposable {
  readonly host: Host;
  /** An empty folder, as the host names it. */
  readonly folder: string;
}

/**
 * What every Host does. The machine behind it has bash and coreutils; it reaches the loopback services of this
 * machine.
 */
export function hostContract(name: string, make: () => Promise<HostUnderTest>): void {
  const check = (what: string, body: (parts: HostUnderTest) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      await using parts = await make();
      await body(parts);
    });

  check("tells the exit code and both streams apart", async ({ host }) => {
    const result = await host.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);

    assert.deepEqual([result.exitCode, result.stdout, result.stderr], [3, "out\n", "err\n"]);
  });

  check("passes arguments on as they are", async ({ host }) => {
    const words = [
      "",
      " a  b ",
      "it's",
      '"',
      "$(id)",
      "`id`",
      "\\",
      "*",
      "~",
      "a\nb",
      "-n",
      "!x",
      "ü🐳",
      ";&|<>",
    ];

    const { stdout } = await host.run(["bash", "-c", 'printf "%s\\0" "$@"', "show", ...words]);

    assert.deepEqual(stdout.split("\0").slice(0, -1), words);
  });

  check("passes variables on as data, and shows them in no argument list", async ({ host }) => {
    const value = `"; exit 9 # $(id) \`id\` ' \\ \n second line = `;
    const script = 'printf "%s" "$SEALER_TEST"; tr "\\0" " " </proc/$$/cmdline >&2';

    const result = await host.run(["sh", "-c", script], { env: { SEALER_TEST: value } });

    assert.equal(result.stdout, value);
    assert.doesNotMatch(result.stderr, /second line/);
  });

  for (const variable of ["A;id", "1A", "", "A B", "LD_PRELOAD", "PATH", "BASH_ENV"]) {
    check(`refuses the variable name ${JSON.stringify(variable)}`, async ({ host }) => {
      await assert.rejects(host.run(["true"], { env: { [variable]: "x" } }), { code: "CONFIG_INVALID" });
    });
  }

  check("gives the program what it is to read, and then the end", async ({ host }) => {
    const pieces = async function* () {
      yield Buffer.from("one ");
      yield "two";
    };

    assert.equal((await host.run(["cat"], { stdin: "text\0\n" })).stdout, "text\0\n");
    assert.equal((await host.run(["cat"], { stdin: Buffer.from("bytes") })).stdout, "bytes");
    assert.equal((await host.run(["cat"], { stdin: pieces() })).stdout, "one two");
    assert.equal((await host.run(["cat"])).stdout, "");
  });

  check("sends more than any buffer holds, unchanged", async ({ host }) => {
    const chunk = Buffer.alloc(300_001, "sealer");
    const hash = createHash("sha256");
    const chunks = async function* () {
      for (let count = 0; count < 40; count++) {
        hash.update(chunk);
        yield chunk;
      }
    };

    const { bytes, stdout } = await sendStream(host, chunks(), ["sha256sum"]);

    assert.equal(bytes, 40 * chunk.length);
    assert.equal(stdout.split(" ")[0], hash.digest("hex"));
  });

  check("lets a program end before it has read everything", async ({ host }) => {
    const endless = async function* () {
      for (let count = 0; count < 200; count++) yield Buffer.alloc(65_536);
    };

    const result = await host.run(["sh", "-c", "head -c 3 >/dev/null; exit 4"], { stdin: endless() });

    assert.equal(result.exitCode, 4);
  });

  check("throws what the source of the input threw", async ({ host }) => {
    const broken = async function* () {
      yield Buffer.from("some");
      throw new Error("the source broke");
    };

    await assert.rejects(host.run(["cat"], { stdin: broken() }), { message: "the source broke" });
  });

  check("says which signal ended a program", async ({ host }) => {
    const result = await host.run(["sh", "-c", "kill -KILL $$"]);

    assert.deepEqual([result.exitCode, result.signal], [137, "SIGKILL"]);
  });

  check("answers 127 for a program that is not there", async ({ host }) => {
    assert.equal((await host.run(["no-such-program-here"])).exitCode, 127);
  });

  check("keeps the last MiB of what a program says, however much it is", async ({ host }) => {
    const { exitCode, stdout } = await host.run([
      "sh",
      "-c",
      "yes 0123456 | head -c 20000000; echo; echo end",
    ]);

    assert.equal(exitCode, 0);
    assert.equal(stdout.length, 1024 * 1024);
    assert.ok(stdout.endsWith("\nend\n"));
  });

  check("tells lines as they come, masked and without control characters", async ({ host }) => {
    const lines: string[] = [];
    const script = "printf 'one\\r\\nthe pass\\033[31mword\\033[0m\\007 is s3cret\\nlast'; echo problem >&2";

    await host.run(["sh", "-c", script], {
      secrets: ["s3cret"],
      onLine: (line, stream) => lines.push(`${stream}: ${line}`),
    });

    assert.deepEqual(lines.sort(), [
      "stderr: problem",
      "stdout: last",
      "stdout: one",
      "stdout: the password is ***",
    ]);
  });

  check("gives a program up when the signal aborts, and throws its reason", async ({ host }) => {
    const stop = new AbortController();
    const running = host.run(["sleep", "60"], { signal: stop.signal });
    await sleep(50);
    stop.abort(new Error("enough"));

    await assert.rejects(running, { message: "enough" });
    await assert.rejects(host.run(["true"], { signal: stop.signal }), { message: "enough" });
    assert.equal((await host.run(["true"])).exitCode, 0);
  });

  check("gives a program up when its deadline has passed", async ({ host }) => {
    await assert.rejects(host.run(["sleep", "61"], { deadline: 100 }), {
      code: "HOST_COMMAND_FAILED",
      message: `${host.address}: "sleep 61" was given up after 0.1 seconds`,
    });
  });

  check("throws the last words of a program that failed, without secrets", async ({ host }) => {
    const script = "echo the password is hunter22 >&2; exit 5";
    const failing = runOrThrow(host, ["sh", "-c", script], { secrets: ["hunter22"] });

    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof HostCommandError);
      assert.equal(error.code, "HOST_COMMAND_FAILED");
      assert.match(
        error.message,
        /^\S+: "sh -c 'echo the password is \*\*\* .*" exited 5: the password is \*\*\*$/,
      );
      assert.equal(error.result.exitCode, 5);
      assert.doesNotMatch(JSON.stringify(error), /hunter22/);
      return true;
    });
    assert.equal(await runOrThrow(host, ["echo", "fine"]), "fine\n");
  });

  check("runs scripts with arguments, variables and an empty input", async ({ host }) => {
    const script =
      '#!/bin/bash\nset -euo pipefail\necho "$0 $# $2 $WHO"\ncat\ncat <<EOF\n$1\nEOF\nfalse\necho never';

    const result = await runScript(host, script, {
      name: "init.sh",
      args: ["a b", "EOF"],
      env: { WHO: "me" },
    });

    assert.deepEqual([result.exitCode, result.stdout], [1, "init.sh 2 EOF me\na b\n"]);
  });

  check("gives a script its own input after the script itself", async ({ host }) => {
    assert.equal((await runScript(host, "read -r a; cat; echo $a", { stdin: "1\n2\n" })).stdout, "2\n1\n");
  });

  check(
    "writes files with their mode, in new folders too, and reads them again",
    async ({ host, folder }) => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

      await writeHostFile(host, `${folder}/public/a b`, bytes);
      await writeHostFile(host, `${folder}/pki/deep/it's.key`, "secret", { mode: 0o600 });

      assert.deepEqual(await host.readFile(`${folder}/public/a b`), bytes);
      assert.deepEqual(await host.stat(`${folder}/public/a b`), {
        type: "file",
        size: 256,
        mode: 0o644,
        uid: 0,
        gid: 0,
      });
      assert.equal((await host.stat(`${folder}/pki/deep/it's.key`))?.mode, 0o600);
      assert.equal((await host.stat(`${folder}/public`))?.mode, 0o755);
      assert.equal((await host.stat(`${folder}/pki/deep`))?.mode, 0o700);
    },
  );

  check("replaces a file, gives it its owner and leaves nothing else behind", async ({ host, folder }) => {
    await writeHostFile(host, `${folder}/file`, "old and longer", { mode: 0o600 });
    await writeHostFile(host, `${folder}/file`, "new", { mode: 0o640, owner: { uid: 12_345, gid: 54_321 } });

    assert.equal(String(await host.readFile(`${folder}/file`)), "new");
    assert.deepEqual(await host.stat(`${folder}/file`), {
      type: "file",
      size: 3,
      mode: 0o640,
      uid: 12_345,
      gid: 54_321,
    });
    assert.deepEqual(await host.list(folder), ["file"]);
  });

  check("says undefined for what is not there", async ({ host, folder }) => {
    await writeHostFile(host, `${folder}/file`, "");

    assert.equal(await host.readFile(`${folder}/none`), undefined);
    assert.equal(await host.stat(`${folder}/none`), undefined);
    assert.equal(await host.list(`${folder}/none`), undefined);
    assert.equal(await host.stat(`${folder}/file/below`), undefined);
    assert.deepEqual(await host.readFile(`${folder}/file`), Buffer.alloc(0));
  });

  check("lists names of any kind, sorted", async ({ host, folder }) => {
    const names = [".hidden", "*", "-n", "a b", "line\nbreak", "ü"];
    for (const name of names) await writeHostFile(host, `${folder}/${name}`, "");

    assert.deepEqual(await host.list(folder), names.toSorted());
    assert.equal((await host.stat(folder))?.type, "directory");
  });

  check("refuses a folder where a file is to be read or written", async ({ host, folder }) => {
    await writeHostFile(host, `${folder}/sub/file`, "x");

    await assert.rejects(host.readFile(`${folder}/sub`), /directory|EISDIR/i);
    await assert.rejects(writeHostFile(host, `${folder}/sub`, "y"), /folder/i);
    assert.deepEqual(await host.list(`${folder}/sub`), ["file"]);
  });

  check("looks with a closed list of programs", async ({ host, folder }) => {
    await writeHostFile(host, `${folder}/file`, "content");

    assert.equal((await host.query(["cat", `${folder}/file`])).stdout, "content");
    assert.equal((await host.query(["command-exists", "bash"])).exitCode, 0);
    assert.notEqual((await host.query(["command-exists", "no-such-program"])).exitCode, 0);
    await assert.rejects(async () => host.query(["hostname", "other"]), /does more than look/);
    await assert.rejects(async () => host.query(["date", "-s", "12:00"]), /does more than look/);
  });

  check("connects to what the host reaches, half-closed too", async ({ host }) => {
    await using service = await startEcho();
    const stream = await host.connect("127.0.0.1", service.port);
    stream.end("hello");
    const answer: Buffer[] = [];
    for await (const chunk of stream) answer.push(chunk);

    assert.equal(Buffer.concat(answer).toString(), "hello and goodbye");
  });

  check("says so when nothing listens there", async ({ host }) => {
    await using service = await startEcho();
    await service[Symbol.asyncDispose]();

    await assert.rejects(host.connect("127.0.0.1", service.port), {
      code: "HOST_UNREACHABLE",
      message: /cannot connect/,
    });
  });

  check("runs many programs at once", async ({ host }) => {
    const outputs = await Promise.all(
      Array.from({ length: 25 }, (_, index) => runOrThrow(host, ["echo", `${index}`])),
    );

    assert.deepEqual(
      outputs,
      Array.from({ length: 25 }, (_, index) => `${index}\n`),
    );
  });
}

/** Answers on loopback, once the other side has finished, with what it said. */
async function startEcho(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let said = "";
    socket.on("data", (chunk) => {
      said += chunk;
    });
    socket.on("end", () => socket.end(`${said} and goodbye`));
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}
