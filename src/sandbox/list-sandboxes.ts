import { readFile } from "node:fs/promises";
import { hostProcess } from "./host-process.ts";
import { hostPaths, passwordPath, privateKeyPath, sandboxFolder } from "./layout.ts";
import { readRecords } from "./records.ts";
import type { Sandbox, SandboxRecord } from "./sandbox.ts";

/** The sandboxes below a root folder, by name, with what their hosts are at this moment. */
export async function listSandboxes(root: string): Promise<Sandbox[]> {
  return Promise.all((await readRecords(root)).map((record) => describeSandbox(root, record)));
}

export async function describeSandbox(root: string, record: SandboxRecord): Promise<Sandbox> {
  const folder = sandboxFolder(root, record.name);
  return {
    name: record.name,
    folder,
    subnet: record.subnet,
    hosts: record.hosts.map(({ name, address }) => {
      return { name, address, state: hostProcess(hostPaths(folder, name).init) ? "on" : "off" };
    }),
    user: "root",
    password: (await readFile(passwordPath(folder), "utf8").catch(() => "")).trim(),
    privateKeyPath: privateKeyPath(folder),
  };
}
