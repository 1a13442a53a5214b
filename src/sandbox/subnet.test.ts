import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseSubnet, machineSubnets, parseSubnet, subnetsMeet } from "./subnet.ts";

test("a subnet's first address is the gateway's, the next ones are the hosts'", () => {
  const subnet = parseSubnet("172.28.5.0/24");
  assert.equal(subnet.gateway, "172.28.5.1");
  assert.equal(subnet.address(0), "172.28.5.2");
  assert.equal(subnet.address(subnet.capacity - 1), "172.28.5.254");
  assert.equal(parseSubnet("10.9.0.8/29").capacity, 5);
});

test("refuses what is no private subnet, and says what was probably meant", () => {
  for (const [text, why] of [
    ["172.28.5.7/24", /did you mean 172\.28\.5\.0\/24\?/],
    ["8.8.8.0/24", /not a private one/],
    ["172.28.5.0", /not an IPv4 subnet/],
    ["172.28.05.0/24", /not an IPv4 subnet/],
    ["172.28.256.0/24", /not an IPv4 subnet/],
    ["172.28.5.0/30", /from \/16 to \/29/],
    ["fd00::/64", /not an IPv4 subnet/],
  ] as const) {
    assert.throws(() => parseSubnet(text), { code: "USAGE", message: why }, text);
  }
});

test("chooses the first subnet that meets no other", () => {
  assert.equal(chooseSubnet([]).cidr, "172.28.0.0/24");
  assert.equal(chooseSubnet(["172.28.0.0/24", "172.28.2.0/24"]).cidr, "172.28.1.0/24");
  assert.equal(chooseSubnet(["172.28.3.9/22", "10.0.0.1/8"]).cidr, "172.28.4.0/24");
  assert.throws(() => chooseSubnet(["172.16.0.0/12"]), { code: "SANDBOX_FAILED" });
});

test("subnets meet when one holds the other", () => {
  assert.equal(subnetsMeet("172.28.0.0/16", "172.28.9.0/24"), true);
  assert.equal(subnetsMeet("192.168.1.0/25", "192.168.1.128/25"), false);
});

test("knows the IPv4 subnets of this machine's interfaces", () => {
  const entry = { address: "", netmask: "", mac: "", internal: false };
  const interfaces = {
    eth0: [
      { ...entry, family: "IPv4" as const, cidr: "192.0.2.2/24" },
      { ...entry, family: "IPv6" as const, cidr: "fd00::2/64", scopeid: 0 },
    ],
    down: undefined,
  };
  assert.deepEqual(machineSubnets(interfaces), ["192.0.2.2/24"]);
});
