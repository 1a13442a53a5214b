import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hash } from "bcryptjs";
import { openAccess, tokenPath } from "./access.ts";
import type { Action } from "./policy.ts";

const folder = await mkdtemp(join(tmpdir(), "htpasswd-"));
after(() => rm(folder, { recursive: true }));
const cost = 4;
const origin = "https://sea.hub:5000";
const pull: Action = { kind: "pull", scope: "repository:x:pull" };
const push: Action = { kind: "push", scope: "repository:x:pull,push" };
const remove: Action = { kind: "delete", scope: "repository:x:delete" };
const ping: Action = { kind: "ping", scope: undefined };

test("without authentication everybody is let in", async () => {
  const access = await openAccess(undefined, Date.now);
  assert.equal(await access.admit(from(), push, origin), undefined);
});

test("asks everybody for a login", async () => {
  const access = await accessWith("none", `admin:${await hash("passw0rd", cost)}\n`);
  for (const action of [ping, pull, push, remove]) {
    assert.equal(await access.admit(from(basic("admin", "passw0rd")), action, origin), "admin");
    for (const refused of [from(), from(basic("admin", "wrong")), from(basic("nobody", "passw0rd"))]) {
      await assert.rejects(access.admit(refused, action, origin), {
        code: "UNAUTHORIZED",
        status: 401,
        headers: { "WWW-Authenticate": 'Basic realm="Own"' },
      });
    }
  }
});

for (const [what, authorization] of [
  ["no colon", `Basic ${Buffer.from("admin").toString("base64")}`],
  ["no user", basic("", "passw0rd")],
  ["another scheme", "Digest username=admin"],
  ["no base64", "Basic %%%"],
  ["nothing in it", "Basic"],
  ["a token that nobody gave", "Bearer eyJhbGciOiJub25lIn0.e30."],
] as const) {
  test(`refuses a login with ${what}`, async () => {
    const access = await accessWith("pull", `admin:${await hash("passw0rd", cost)}\n`);
    for (const action of [ping, pull, push]) {
      await assert.rejects(access.admit(from(authorization), action, origin), { status: 401 });
    }
  });
}

test("refuses two Authorization headers", async () => {
  const access = await accessWith("none", `admin:${await hash("passw0rd", cost)}\n`);
  const twice = from(basic("admin", "passw0rd"), basic("admin", "wrong"));
  await assert.rejects(access.admit(twice, pull, origin), { status: 400 });
});

test("takes no hashes but bcrypt's, and no password of more than 72 bytes", async () => {
  const long = "x".repeat(72);
  const access = await accessWith(
    "none",
    [
      `good:${await hash(long, cost)}`,
      "plain:secret",
      "sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
      "md5:$apr1$12345678$abcdefghijklmnopqrstuv",
      "",
    ].join("\n"),
  );
  assert.equal(await access.admit(from(basic("good", long)), pull, origin), "good");
  for (const [user, password] of [
    ["good", `${long}x`],
    ["plain", "secret"],
    ["sha", "secret"],
    ["md5", "secret"],
  ] as const) {
    await assert.rejects(access.admit(from(basic(user, password)), pull, origin), { status: 401 });
  }
});

test("a file without a usable user, or that is not there, is told at the start", async () => {
  await assert.rejects(accessWith("none", "admin:plain\n"), { code: "FILE_INVALID", exitCode: 2 });
  const auth = { realm: "Own", path: join(folder, "missing"), anonymous: "none" } as const;
  await assert.rejects(openAccess(auth, Date.now), { code: "FILE_NOT_FOUND", exitCode: 2 });
});

test("reads the file again when it changes: users come and go at once", async () => {
  const path = join(folder, "changing");
  await writeFile(path, `first:${await hash("one", cost)}\n`);
  const access = await openAccess({ realm: "Own", path, anonymous: "pull" }, Date.now);
  assert.equal(await access.admit(from(basic("first", "one")), push, origin), "first");
  const token = await tokenFor(access, basic("first", "one"));
  assert.equal(await access.admit(from(`Bearer ${token}`), push, origin), "first");

  await writeFile(path, `second:${await hash("number two", cost)}\n`);

  assert.equal(await access.admit(from(basic("second", "number two")), push, origin), "second");
  await assert.rejects(access.admit(from(basic("first", "one")), push, origin), { status: 401 });
  await assert.rejects(access.admit(from(`Bearer ${token}`), push, origin), { status: 401 });
});

test("anonymous: pull lets everybody read and only users write", async () => {
  const access = await accessWith("pull", `admin:${await hash("passw0rd", cost)}\n`);
  assert.equal(await access.admit(from(), pull, origin), undefined);
  for (const action of [push, remove]) {
    await assert.rejects(access.admit(from(), action, origin), {
      status: 401,
      headers: {
        "WWW-Authenticate": `Bearer realm="${origin}${tokenPath}",service="Own",scope="${action.scope}"`,
      },
    });
    assert.equal(await access.admit(from(basic("admin", "passw0rd")), action, origin), "admin");
  }
  await assert.rejects(access.admit(from(basic("admin", "wrong")), pull, origin), { status: 401 });
});

test("a client that asks for a token first reads without a login, and writes with one", async () => {
  let now = Date.now();
  const access = await accessWith("pull", `admin:${await hash("passw0rd", cost)}\n`, () => now);
  await assert.rejects(access.admit(from(), ping, origin), { status: 401 });
  const nobody = from(`Bearer ${await tokenFor(access)}`);
  const admin = from(`Bearer ${await tokenFor(access, basic("admin", "passw0rd"))}`);
  for (const action of [ping, pull]) assert.equal(await access.admit(nobody, action, origin), undefined);
  await assert.rejects(access.admit(nobody, push, origin), { status: 401 });
  for (const action of [ping, pull, push, remove]) {
    assert.equal(await access.admit(admin, action, origin), "admin");
  }
  await assert.rejects(access.token!(from(basic("admin", "wrong"))), { status: 401 });
  now += 301_000;
  await assert.rejects(access.admit(admin, pull, origin), { status: 401 });
});

test("a token that was changed is worth nothing", async () => {
  const access = await accessWith("pull", `admin:${await hash("passw0rd", cost)}\n`);
  const [, signature] = (await tokenFor(access)).split(".");
  const claim = Buffer.from(JSON.stringify({ user: "admin", until: Date.now() + 1e9 })).toString("base64url");
  for (const forged of [`${claim}.${signature}`, `${claim}.`, claim, `${claim}.${signature}.x`]) {
    await assert.rejects(access.admit(from(`Bearer ${forged}`), push, origin), { status: 401 });
  }
});

async function accessWith(anonymous: "none" | "pull", users: string, now: () => number = Date.now) {
  const path = join(folder, crypto.randomUUID());
  await writeFile(path, users);
  return openAccess({ realm: "Own", path, anonymous }, now);
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function from(...authorization: string[]): IncomingMessage {
  const headersDistinct = authorization.length > 0 ? { authorization } : {};
  return { headersDistinct } as IncomingMessage;
}

async function tokenFor(access: Awaited<ReturnType<typeof openAccess>>, ...login: string[]): Promise<string> {
  const { body } = await access.token!(from(...login));
  return JSON.parse((body as Buffer).toString()).token;
}
