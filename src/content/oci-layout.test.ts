import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf } from "#oci";
import { blob, blobType, contentContract, put, putImage } from "../../test/contracts/content-contract.ts";
import { OciLayout } from "./oci-layout.ts";
import { scratch } from "./testing.ts";

contentContract("an OCI folder", async (t) => OciLayout.create(await scratch(t)));

test("a folder written once is read by the next", async (t) => {
  const folder = await scratch(t);
  const { manifest } = await putImage(await OciLayout.create(folder), "v1");
  const layout = await OciLayout.open(folder);
  assert.deepEqual(await layout.names(), [{ name: "v1", descriptor: manifest }]);
});

test("leaves no temporary files behind", async (t) => {
  const folder = await scratch(t);
  const layout = await OciLayout.create(folder);
  await putImage(layout, "v1");
  await assert.rejects(put(layout, blobType, "x").then(() => layout.tag("y", blob("absent"))));
  assert.deepEqual((await readdir(folder)).sort(), ["blobs", "index.json", "oci-layout"]);
});

test("a manifest is not there as long as one of its layers is missing", async (t) => {
  const layout = await OciLayout.create(await scratch(t));
  const config = await put(layout, "application/vnd.oci.image.config.v1+json", "{}");
  const manifest = await put(
    layout,
    "application/vnd.oci.image.manifest.v1+json",
    JSON.stringify({ schemaVersion: 2, config, layers: [blob("absent")] }),
  );
  assert.equal(await layout.has(manifest), false);
  await put(layout, blobType, "absent");
  assert.equal(await layout.has(manifest), true);
});

const anIndex = (entry: object) => JSON.stringify({ schemaVersion: 2, manifests: [entry] });
for (const [what, files] of [
  ["has no index", { "oci-layout": '{"imageLayoutVersion":"1.0.0"}' }],
  ["is something else", { "index.json": '{"manifests":[]}' }],
  [
    "is of another version",
    { "oci-layout": '{"imageLayoutVersion":"2.0.0"}', "index.json": '{"manifests":[]}' },
  ],
  ["has an index that is no JSON", { "oci-layout": '{"imageLayoutVersion":"1.0.0"}', "index.json": "{" }],
  [
    "names content by a path",
    {
      "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
      "index.json": anIndex({ mediaType: "x", size: 1, digest: "sha256:../../etc/passwd" }),
    },
  ],
  [
    "lists an entry without a size",
    {
      "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
      "index.json": anIndex({ mediaType: "x", digest: digestOf("x") }),
    },
  ],
] as const) {
  test(`refuses a folder that ${what}`, async (t) => {
    const folder = join(await scratch(t), "layout");
    await mkdir(folder);
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await assert.rejects(OciLayout.open(folder), { code: "IMAGE_INVALID", exitCode: 3 });
  });
}
