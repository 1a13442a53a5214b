import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { MachineSettings } from "./machine-settings.ts";

test("notes settings before the first sandbox and puts them back after the last", async (t) => {
  const { settings, folder, set, get } = machine(t, { "vm/overcommit_memory": "0", "kernel/panic": "1" });

  await settings.take("one", folder);
  set("vm/overcommit_memory", "1");
  await settings.take("two", folder);
  set("kernel/panic", "10");
  await settings.leave("one");
  assert.equal(get("vm/overcommit_memory"), "1");
  await settings.leave("two");

  assert.equal(get("vm/overcommit_memory"), "0");
  assert.equal(get("kernel/panic"), "1");
});

test("sets what hosts can only read, and no more than they need", async (t) => {
  const { settings, folder, get } = machine(t, {
    "net/netfilter/nf_conntrack_max": "262144",
    "fs/inotify/max_user_instances": "128",
    "fs/inotify/max_user_watches": "1000000",
  });

  await settings.take("one", folder);

  assert.equal(get("net/netfilter/nf_conntrack_max"), "131072");
  assert.equal(get("fs/inotify/max_user_instances"), "8192");
  assert.equal(get("fs/inotify/max_user_watches"), "1000000");
});

test("does not wait for a sandbox whose folder is gone", async (t) => {
  const { settings, folder, set, get, notes } = machine(t, { "kernel/panic": "1" });
  await settings.take("lost", join(folder, "gone"));
  await settings.take("last", folder);
  set("kernel/panic", "10");

  await settings.leave("last");

  assert.equal(get("kernel/panic"), "1");
  assert.equal(existsSync(notes), false);
});

function machine(t: TestContext, values: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "machine-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [proc, notes] = [join(folder, "proc"), join(folder, "notes")];
  const set = (name: string, value: string) => {
    mkdirSync(dirname(join(proc, name)), { recursive: true });
    writeFileSync(join(proc, name), value);
  };
  for (const [name, value] of Object.entries(values)) set(name, value);
  const settings = new MachineSettings({ settings: proc, notes, processors: 2 });
  return { settings, folder, notes, set, get: (name: string) => readFileSync(join(proc, name), "utf8") };
}
