import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, hexOf, isDigest, parseDigest } from "./digest.ts";
import type { Index } from "./documents.ts";
import { encode, encodeIndex } from "./encode.ts";
import { mediaTypes } from "./media-types.ts";
import { formatPlatform, parsePlatform, platformMatches } from "./platform.ts";

test("a digest is a whole sha256 or sha512, in lower case, and nothing else", () => {
  assert.ok(isDigest(digestOf("")));
  assert.equal(hexOf(digestOf("", "sha512")).length, 128);
  for (const text of ["sha256:../../x", "sha256:ABC", "md5:00", "sha256:", `sha256:${"A".repeat(64)}`, ""]) {
    assert.throws(() => parseDigest(text), { code: "DIGEST_INVALID", exitCode: 3 }, text);
  }
});

test("writes an index as Go writes the structs: order of fields, sorted annotations, escapes", () => {
  const index: Index = {
    annotations: { b: "<&>", a: "\u2028" },
    manifests: [
      {
        platform: { os: "linux", architecture: "arm64", variant: "v8" },
        size: 2,
        digest: digestOf("{}"),
        mediaType: mediaTypes.ociManifest,
      },
    ],
    mediaType: mediaTypes.ociIndex,
    schemaVersion: 2,
  };
  assert.equal(
    encodeIndex(index).toString(),
    `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[{"mediaType":"${mediaTypes.ociManifest}",` +
      `"digest":"${digestOf("{}")}","size":2,"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}],` +
      `"annotations":{"a":"\\u2028","b":"\\u003c\\u0026\\u003e"}}`,
  );
});

test("leaves prototype keys what they are: data", () => {
  assert.equal(encode(JSON.parse('{"__proto__":1}')).toString(), '{"__proto__":1}');
});

for (const [text, normal] of [
  ["linux/amd64", "linux/amd64"],
  ["arm64", "linux/arm64"],
  ["aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["x86_64", "linux/amd64"],
  ["linux/arm/v7", "linux/arm/v7"],
] as const) {
  test(`the platform ${text} is ${normal}`, () => assert.equal(formatPlatform(parsePlatform(text)), normal));
}

test("refuses what is no platform", () => {
  for (const text of ["", "a/b/c/d", "linux/", "li nux/amd64"]) {
    assert.throws(() => parsePlatform(text), { code: "USAGE" }, text);
  }
});

test("arm64 with and without v8 is the same machine", () => {
  assert.ok(
    platformMatches(
      { os: "linux", architecture: "arm64" },
      { os: "linux", architecture: "arm64", variant: "v8" },
    ),
  );
  assert.ok(!platformMatches({ os: "linux", architecture: "amd64" }, { os: "linux", architecture: "arm64" }));
});
