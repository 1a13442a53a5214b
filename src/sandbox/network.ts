import { existsSync } from "node:fs";
import { hostNetwork, networkOf, networkPath } from "./layout.ts";
import { runProgram } from "./run-program.ts";
import type { SandboxRecord } from "./sandbox.ts";

/**
 * The sandbox's own network namespace: a bridge that joins the hosts, holding the address that is their default
 * gateway. Nothing leads further: whatever is sent there is answered at once with "host unreachable".
 */
export async function makeNetwork(record: SandboxRecord): Promise<void> {
  const network = networkOf(record);
  if (await isComplete(network)) return;
  await removeNamespace(network);
  await runProgram(["ip", "netns", "add", network]);
  await runProgram(["ip", "netns", "exec", network, "sh", "-ec", answerAtOnce]);
  await batch(network, [
    "link set lo up",
    "link add br0 type bridge",
    `addr add ${record.gateway}/${record.prefix} dev br0`,
    "link set br0 up",
    lastRoute,
  ]);
}

/** And iptables on bridged frames must not see the hosts' traffic here. */
const answerAtOnce = `cd /proc/sys/net
echo 1 >ipv4/ip_forward
echo 0 >ipv4/icmp_ratelimit
[ ! -e bridge/bridge-nf-call-iptables ] || echo 0 >bridge/bridge-nf-call-iptables`;

const lastRoute = "route add unreachable default";

/** Its last route is there, so that all before is too. */
async function isComplete(network: string): Promise<boolean> {
  if (!existsSync(networkPath(network))) return false;
  return (await runProgram(["ip", "-n", network, "route"]).catch(() => "")).includes("unreachable default");
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
  const network = networkOf(record);
  if (existsSync(networkPath(network))) {
    // A namespace that is deleted gives up its devices only some time later, and who remembers the neighbour would wait
    // for it two minutes instead of three seconds. Either may not be there.
    const orders = `link del h${position}\nneigh flush dev br0\n`;
    await runProgram(["ip", "-n", network, "-force", "-batch", "-"], { input: orders }).catch(() => {});
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
