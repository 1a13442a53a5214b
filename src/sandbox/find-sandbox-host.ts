import { networkOf } from "./layout.ts";
import { readRecords } from "./records.ts";

/** The sandbox host that has this address, if any below this root folder does. */
export async function findSandboxHost(
  root: string,
  address: string,
): Promise<{ readonly sandbox: string; readonly host: string; readonly network: string } | undefined> {
  for (const record of await readRecords(root)) {
    const host = record.hosts.find((candidate) => candidate.address === address);
    if (host) return { sandbox: record.name, host: host.name, network: networkOf(record) };
  }
  return undefined;
}
