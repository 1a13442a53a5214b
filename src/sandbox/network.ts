import { existsSync } from "node:fs";
import { hostNetwork, networkOf, networkPath } from "./layout.ts";
import { runProgram } from "./run-program.ts";
import type { SandboxRecord } from "./sandbox.ts";

/**
 * The sandbox's own network namespace: a bridge that joins the hosts, holding the address that is their default
 * gateway. Nothing leads further; what is sent there is answered at once with "network unreachable".
 */
export async function makeNetwork(record: SandboxRecord): Promise<void> {
  const network = networkOf(record);
  if (existsSync(networkPath(network))) return;
  await runProgram(["ip", "netns", "add", network]);
  await batch(network, [
    "link set lo up",
    "link add br0 type bridge",
    `addr add ${record.gateway}/${record.prefix} dev br0`,
    "link set br0 up",
    "route add unreachable default",
  ]);
  // The kernel's switch for iptables on bridged frames must not see the hosts' traffic here.
  await runProgram([
    ...(["ip", "netns", "exec", network, "sh", "-c"] as const),
    "echo 1 >/proc/sys/net/ipv4/ip_forward; ! cd /proc/sys/net/bridge 2>/dev/null || echo 0 >bridge-nf-call-iptables",
  ]);
}

/** A fresh network namespace for a host, as after a power cut: no rules, no routes but its own. */
export async function makeHostNetwork(record: SandboxRecord, host: string): Promise<void> {
  await removeHostNetwork(record, host);
  const position = record.hosts.findIndex(({ name }) => name === host);
  const { address } = record.hosts[position]!;
  const [network, own] = [networkOf(record), hostNetwork(record, host)];
  await runProgram(["ip", "netns", "add", own]);
  await batch(network, [
    `link add h${position} type veth peer name eth0 address ${hardwareAddress(address)} netns ${own}`,
    `link set h${position} master br0 up`,
  ]);
  await batch(own, [
    "link set lo up",
    `addr add ${address}/${record.prefix} dev eth0`,
    "link set eth0 up",
    `route add default via ${record.gateway}`,
  ]);
}

export async function removeHostNetwork(record: SandboxRecord, host: string): Promise<void> {
  const position = record.hosts.findIndex(({ name }) => name === host);
  if (existsSync(networkPath(networkOf(record)))) {
    // A namespace that is deleted gives up its devices only some time later.
    await runProgram(["ip", "-n", networkOf(record), "-force", "-batch", "-"], {
      input: `link del h${position}\n`,
    }).catch(() => {});
  }
  await removeNamespace(hostNetwork(record, host));
}

export async function removeNetwork(record: SandboxRecord): Promise<void> {
  await removeNamespace(networkOf(record));
}

async function removeNamespace(name: string): Promise<void> {
  if (existsSync(networkPath(name))) await runProgram(["ip", "netns", "del", name]);
}

async function batch(network: string, orders: readonly string[]): Promise<void> {
  await runProgram(["ip", "-n", network, "-batch", "-"], { input: `${orders.join("\n")}\n` });
}

/** The same after every boot, so that neighbours need not forget the old one. */
function hardwareAddress(address: string): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return ["02", "5e", ...bytes].join(":");
}
