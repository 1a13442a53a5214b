import type { NetworkInterfaceInfo } from "node:os";
import { SealerError } from "#errors";

export interface Subnet {
  /** `172.28.3.0/24` */
  readonly cidr: string;
  readonly prefix: number;
  readonly gateway: string;
  /** Addresses for hosts, in order: all but the network's own, the gateway's and the broadcast address. */
  address(position: number): string;
  readonly capacity: number;
}

/** @throws USAGE for anything but a private IPv4 subnet with its host bits zero, from /16 to /29 */
export function parseSubnet(text: string): Subnet {
  const [, address = "", bits = ""] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(text) ?? [];
  const network = parseAddress(address);
  const prefix = Number(bits);
  if (network === undefined || prefix < 16 || prefix > 29) {
    throw refused(text, "it is not an IPv4 subnet from /16 to /29");
  }
  const size = 2 ** (32 - prefix);
  if (network % size !== 0)
    throw refused(text, `did you mean ${formatAddress(network - (network % size))}/${prefix}?`);
  if (!isPrivate(network)) throw refused(text, "it is not a private one (10/8, 172.16/12, 192.168/16)");
  return {
    cidr: text,
    prefix,
    gateway: formatAddress(network + 1),
    capacity: size - 3,
    address: (position) => formatAddress(network + 2 + position),
  };
}

/** The first of 172.28.0.0/24, 172.28.1.0/24 … that meets none of `taken`. */
export function chooseSubnet(taken: readonly string[]): Subnet {
  for (let third = 0; third < 256; third++) {
    const cidr = `172.28.${third}.0/24`;
    if (!taken.some((other) => subnetsMeet(cidr, other))) return parseSubnet(cidr);
  }
  throw new SealerError(
    "SANDBOX_FAILED",
    "all of 172.28.0.0/16 is taken by other sandboxes or this machine",
    {
      hint: "Choose a free private subnet with --subnet, such as 10.99.0.0/24.",
    },
  );
}

/** The IPv4 subnets that this machine itself has addresses in. */
export function machineSubnets(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string[] {
  return Object.values(interfaces).flatMap((list) =>
    (list ?? []).flatMap(({ family, cidr }) => (family === "IPv4" && cidr ? [cidr] : [])),
  );
}

/** Whether two subnets, written as any address in them with the prefix, have an address in common. */
export function subnetsMeet(one: string, other: string): boolean {
  const [a, b] = [bounds(one), bounds(other)];
  return a.first <= b.last && b.first <= a.last;
}

function bounds(cidr: string): { first: number; last: number } {
  const [address = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  const at = parseAddress(address) ?? 0;
  const first = at - (at % size);
  return { first, last: first + size - 1 };
}

function isPrivate(network: number): boolean {
  return ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].some((range) =>
    subnetsMeet(range, `${formatAddress(network)}/32`),
  );
}

function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

function refused(text: string, why: string): SealerError {
  return new SealerError("USAGE", `"${text}" cannot be a sandbox's subnet: ${why}`, {
    hint: "Give one such as 172.28.5.0/24.",
  });
}
