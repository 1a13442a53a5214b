import { command } from "#cli";
import { SealerError } from "#errors";
import { createSandbox } from "#sandbox";
import { sandboxText, sandboxView } from "./sandbox-text.ts";

export const sandboxCreate = command({
  name: "sandbox create",
  summary: "Make hosts out of namespaces on this machine",
  json: "{name, subnet, hosts: [{name, address, state}], user, privateKey}",
  operands: "NAME",
  flags: {
    hosts: {
      type: "string",
      value: "N|NAMES",
      summary: "How many hosts, or their names, comma-separated (1)",
    },
    subnet: { type: "string", value: "CIDR", summary: "Private IPv4 subnet (a free one of 172.28.0.0/16)" },
    "disk-size": { type: "string", value: "SIZE", summary: "Limit of each host's disk, such as 5GB (none)" },
    "show-password": { type: "boolean", summary: "Print root's password, too" },
  },
  description: `
Each host has its own systemd, sshd, address and disk, and nothing that a cluster brings: that comes from the
ClusterImage. Their network is closed, but sealer reaches them by their addresses from any shell. They run until they
are stopped or deleted, or the machine goes down.

  sealer sandbox create demo --hosts 3
  sealer sandbox exec demo host-1 -- systemctl status`,
  async run({ flags, operands: [name = ""] }, { root, cache, progress, signal, result }) {
    const sandbox = await createSandbox({
      name,
      hosts: parseHosts(flags.hosts ?? "1"),
      root,
      cacheDir: cache,
      subnet: flags.subnet,
      diskBytes: flags["disk-size"] === undefined ? undefined : parseSize(flags["disk-size"]),
      progress,
      signal,
    });
    const show = flags["show-password"];
    result(sandboxView(sandbox, show), () => sandboxText([sandbox], show));
  },
});

function parseHosts(text: string): number | readonly string[] {
  return /^\d+$/.test(text) ? Number(text) : text.split(",");
}

/** Bytes of `500MB`, `5GB`, `5G`, `1.5GiB` or a plain number. */
function parseSize(text: string): number {
  const [, digits = "", unit = "", binary = ""] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i.exec(text) ?? [];
  const power = "kmgt".indexOf(unit.toLowerCase() || "-") + 1;
  if (digits) return Math.floor(Number(digits) * (binary ? 1024 : 1000) ** power);
  throw new SealerError("USAGE", `--disk-size takes a size such as 500MB or 5GiB, not "${text}"`);
}
