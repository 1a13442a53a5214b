import { rm } from "node:fs/promises";
import { join } from "node:path";
import { folders, sealer, sealerDone } from "./sealer.ts";

export interface TestHost {
  readonly sandbox: string;
  readonly name: string;
  readonly address: string;
}

/** Fresh sandbox hosts; whatever an earlier, broken test run left under that name is removed first. */
export async function freshHosts(
  sandbox: string,
  names: readonly string[],
  ...flags: readonly string[]
): Promise<{ hosts: TestHost[]; privateKey: string; password: string }> {
  if (process.getuid?.() !== 0) throw new Error("sandbox hosts need root: run this test as root");
  await sealer(["sandbox", "delete", sandbox]);
  await rm(join(folders.SEALER_HOME, sandbox), { recursive: true, force: true });
  await sealerDone("sandbox", "create", sandbox, "--hosts", names.join(","), ...flags);
  const listed = JSON.parse(await sealerDone("--format", "json", "sandbox", "list", "--show-password")) as {
    name: string;
    privateKey: string;
    password: string;
    hosts: { name: string; address: string }[];
  }[];
  const mine = listed.find(({ name }) => name === sandbox)!;
  return {
    hosts: mine.hosts.map(({ name, address }) => ({ sandbox, name, address })),
    privateKey: mine.privateKey,
    password: mine.password,
  };
}

/** Runs a shell command inside a host, not over SSH, so that looking leaves no trace of a login. */
export async function inside(host: TestHost, command: string): Promise<string> {
  return sealerDone("sandbox", "exec", host.sandbox, host.name, "--", "bash", "-c", command);
}

/** The page that an HTTP server gives, as seen from a host, which has no curl; it is asked until it answers. */
export async function pageFrom(host: TestHost, address: string, port: number): Promise<string> {
  const ask = `exec 3<>/dev/tcp/${address}/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
  return inside(
    host,
    `for i in $(seq 120); do page=$(timeout 3 bash -c "${ask}" 2>&1) && case $page in *"200 OK"*) echo "$page"; exit 0 ;; esac; sleep 1; done; echo "$page"; exit 1`,
  );
}

/**
 * What a host is like: every file with mode, owner, size and link target, and for small ones the content's hash;
 * processes, mounts, links, routes, firewall rules, units, kernel settings. What changes by itself is left out.
 */
export async function portrait(host: TestHost): Promise<Map<string, string>> {
  const parts: Record<string, string> = {
    files: `find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /dev -o -path /var/tmp -o -path /var/log/journal \\) -prune -o -printf '%p %y %m %u:%g %l\\n' | sort; find /var/lib/docker /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/lib/sealer -printf '%p %y %m\\n' 2>/dev/null | sort`,
    contents: `find /etc /root /usr/local /opt -xdev -type f -size -200k -exec sha256sum {} + | sort -k2`,
    processes: `ps -eo comm= | grep -vE '^(ps|bash|sort|uniq|grep|sshd|sleep|\\(sd-pam\\)|kworker.*|systemd.*)$' | sort -u`,
    mounts: `awk '{print $5, $9}' /proc/self/mountinfo | grep -v '^/run/user' | sort`,
    links: `ip -o link | awk -F'[:@] *' '{print $2}' | sort`,
    routes: `ip route; ip rule`,
    firewall: `iptables-save | sed -e 's/\\[[0-9:]*\\]//' -e '/^#/d'`,
    units: `systemctl list-unit-files --no-legend --plain | awk '{print $1, $2}' | sort; systemctl list-units --failed --no-legend --plain`,
    kernel: `sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.ipv4.conf.all.rp_filter 2>/dev/null; cat /proc/swaps; hostname; cat /etc/hosts`,
  };
  const seen = new Map<string, string>();
  for (const [part, command] of Object.entries(parts)) seen.set(part, await inside(host, command));
  return seen;
}

/** Lines that one portrait has and the other has not, as `+` and `-`. */
export function differences(before: Map<string, string>, after: Map<string, string>): string[] {
  return [...before].flatMap(([part, text]) => {
    const was = new Set(text.split("\n"));
    const is = new Set((after.get(part) ?? "").split("\n"));
    return [
      ...[...is].filter((line) => !was.has(line)).map((line) => `${part}: + ${line}`),
      ...[...was].filter((line) => !is.has(line)).map((line) => `${part}: - ${line}`),
    ];
  });
}
