import assert from "node:assert/strict";
import { test } from "node:test";
import { aptMirror } from "./apt-mirror.ts";

test("reads the mirror from deb822 sources, past other archives", () => {
  const others = "Types: deb\nURIs: https://deb.example.com/node\nSuites: nodistro\nComponents: main\n";
  const debian = `Types: deb deb-src
# mirror of the house
URIs: http://mirror.example.com/debian http://second.example.com/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example.com/debian-security
Suites: bookworm-security
Components: main
`;
  assert.deepEqual(aptMirror(["", others, debian]), {
    uri: "http://mirror.example.com/debian",
    signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
  });
});

test("reads the mirror from one-line sources, with and without options", () => {
  const text = `# deb http://old.example.com/debian bookworm main
deb-src http://source.example.com/debian bookworm main
deb http://mirror.example.com/security trixie-security main
deb [arch=amd64 signed-by=/etc/apt/keys/house.gpg] http://mirror.example.com/debian trixie main non-free # ours
`;
  assert.deepEqual(aptMirror([text]), {
    uri: "http://mirror.example.com/debian",
    signedBy: "/etc/apt/keys/house.gpg",
  });
  assert.deepEqual(aptMirror(["deb http://m.example.com/debian/ stable main"]), {
    uri: "http://m.example.com/debian/",
  });
});

test("a key that is written into the sources is not taken for a file", () => {
  const text =
    "Types: deb\nURIs: http://m.example.com/debian\nSuites: sid\nComponents: main\nSigned-By:\n -----BEGIN PGP\n";
  assert.deepEqual(aptMirror([text]), { uri: "http://m.example.com/debian" });
});

test("knows no mirror on a machine that is not Debian, or where it is switched off", () => {
  assert.equal(aptMirror(["deb http://archive.ubuntu.com/ubuntu noble main"]), undefined);
  const off = "Types: deb\nURIs: http://m.example.com/debian\nSuites: sid\nComponents: main\nEnabled: no\n";
  assert.equal(aptMirror([off]), undefined);
  assert.equal(aptMirror([]), undefined);
});
