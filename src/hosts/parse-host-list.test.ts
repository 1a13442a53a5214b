import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHostList } from "./parse-host-list.ts";

const accepted: readonly [string, readonly string[]][] = [
  ["", []],
  ["10.0.0.1", ["10.0.0.1"]],
  [" 10.0.0.1 , 10.0.0.2 ", ["10.0.0.1", "10.0.0.2"]],
  ["10.0.0.3-10.0.0.5", ["10.0.0.3", "10.0.0.4", "10.0.0.5"]],
  ["10.0.0.3-10.0.0.3", ["10.0.0.3"]],
  ["10.0.0.254-10.0.1.1", ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]],
  ["10.0.0.9:2222", ["10.0.0.9 2222"]],
  ["10.0.0.1-10.0.0.2:2222", ["10.0.0.1 2222", "10.0.0.2 2222"]],
  ["10.0.0.1:2222-10.0.0.2:2222", ["10.0.0.1 2222", "10.0.0.2 2222"]],
  ["10.0.0.1,10.0.0.3-10.0.0.4,10.0.0.9:22", ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.9 22"]],
  ["0.0.0.0-0.0.0.1", ["0.0.0.0", "0.0.0.1"]],
  ["fd00::1", ["fd00::1"]],
  ["FD00:0:0:0:0:0:0:00a1", ["fd00::a1"]],
  ["[fd00::1]:2222", ["fd00::1 2222"]],
  ["[fd00::1]", ["fd00::1"]],
  ["fd00::ffff-fd00::1:1", ["fd00::ffff", "fd00::1:0", "fd00::1:1"]],
  ["[fd00::1]-[fd00::2]:22", ["fd00::1 22", "fd00::2 22"]],
  ["2001:db8:0:0:1:0:0:1", ["2001:db8::1:0:0:1"]],
  ["1:0:2:3:4:5:6:7", ["1:0:2:3:4:5:6:7"]],
];

for (const [text, hosts] of accepted) {
  test(`reads ${JSON.stringify(text)}`, () => {
    const found = parseHostList(text).map(({ address, port }) => (port ? `${address} ${port}` : address));

    assert.deepEqual(found, hosts);
  });
}

const refused: readonly [string, RegExp][] = [
  ["10.0.0.01", /leading zeros/],
  ["010.0.0.1", /leading zeros/],
  ["10.0.0.1,10.0.0.1", /10\.0\.0\.1 stands there twice/],
  [
    "10.0.0.1-10.0.0.5,10.0.0.3:2222",
    /10\.0\.0\.3 stands there twice \(10\.0\.0\.1-10\.0\.0\.5 and 10\.0\.0\.3:2222\)/,
  ],
  ["fd00::1,fd00:0::0:1", /twice/],
  ["10.0.0.1,fd00::1", /mixes IPv4 and IPv6/],
  ["10.0.0.1-fd00::1", /mixes IPv4 and IPv6/],
  ["10.0.0.5-10.0.0.1", /backwards/],
  ["10.0.0.0-10.1.0.0", /more than 65536/],
  ["10.0.0.0-10.0.255.255,10.1.0.0", /more than 65536/],
  ["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", /more than 65536/],
  ["10.0.0.1,", /empty place/],
  [",", /empty place/],
  ["10.0.0.256", /not an address/],
  ["10.0.0", /not an address/],
  ["10.0.0.1-10.0.0.2-10.0.0.3", /not a range/],
  ["10.0.0.1-3", /not an address/],
  ["10.0.0.1-", /not an address/],
  ["10.0.0.1:", /port/],
  ["10.0.0.1:0", /port/],
  ["10.0.0.1:022", /port/],
  ["10.0.0.1:65536", /port/],
  ["10.0.0.1:22-10.0.0.2:23", /two ports/],
  ["[10.0.0.1]:22", /not an address/],
  ["[fd00::1", /not an address/],
  ["fd00::1::2", /not an address/],
  ["::ffff:10.0.0.1", /IPv4 address written as IPv6/],
  ["fe80::1%eth0", /names a link/],
  ["host.example.com", /not an address/],
  ["-oProxyCommand=id", /not/],
  ["10.0.0.1 10.0.0.2", /not an address/],
  ["10.0.0.1;id", /not an address/],
  ["$(id)", /not an address/],
  ["10.0.0.1/24", /not an address/],
  ["１０.0.0.1", /not an address/],
];

for (const [text, why] of refused) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseHostList(text, "--masters"),
      (error) => {
        assert.equal((error as { code?: string }).code, "HOST_LIST_INVALID");
        assert.match((error as Error).message, /^--masters: /);
        assert.match((error as Error).message, why);
        return true;
      },
    );
  });
}

test("takes as many addresses as are allowed", () => {
  assert.equal(parseHostList("10.0.0.0-10.0.255.255").length, 65_536);
});
