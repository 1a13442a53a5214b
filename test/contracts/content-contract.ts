import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { ContentResumer, ContentSink, ContentSource, ContentTarget } from "#content";
import { type Descriptor, type Digest, digestOf, mediaTypes } from "#oci";

type Place = ContentSource & ContentTarget & Partial<ContentSink & ContentResumer>;

/** What every place that holds content does, whatever it is made of. */
export function contentContract(name: string, open: (t: TestContext) => Promise<Place>): void {
  const promise = (behaviour: string, check: (place: Place) => Promise<void>) =>
    test(`${name} ${behaviour}`, async (t) => check(await open(t)));

  promise("keeps an image under its tag", async (place) => {
    const { manifest, config, layer } = await putImage(place, "v1");

    assert.deepEqual(await place.resolve("v1"), manifest);
    for (const content of [manifest, config, layer]) assert.ok(await place.has(content));
    assert.equal(digestOf(await bytesOf(place, manifest)), manifest.digest);
    assert.equal((await bytesOf(place, layer)).toString(), "layer of v1");
  });

  promise("finds an image by its digest", async (place) => {
    const { manifest } = await putImage(place, "v1");
    assert.deepEqual(await place.resolve(manifest.digest), manifest);
  });

  promise("lets a tag move to another image", async (place) => {
    await putImage(place, "v1");
    const { manifest } = await putImage(place, "v2");
    await place.tag("v1", manifest);
    assert.deepEqual(await place.resolve("v1"), manifest);
  });

  promise("says that an image is not there", async (place) => {
    await putImage(place, "v1");
    await assert.rejects(place.resolve("other"), { code: "IMAGE_NOT_FOUND", exitCode: 3 });
    await assert.rejects(place.resolve(digestOf("other")), { code: "IMAGE_NOT_FOUND" });
    await assert.rejects(bytesOf(place, blob("absent")), { code: "IMAGE_NOT_FOUND" });
    assert.equal(await place.has(blob("absent")), false);
  });

  promise("reads from an offset", async (place) => {
    const content = await put(place, blobType, "0123456789");
    assert.equal((await bytesOf(place, content, 4)).toString(), "456789");
    assert.equal((await bytesOf(place, content, 10)).toString(), "");
  });

  promise("keeps blobs of no bytes and of many", async (place) => {
    for (const bytes of [Buffer.alloc(0), manyBytes(5_000_001)]) {
      const content = await put(place, blobType, bytes);
      assert.ok((await bytesOf(place, content)).equals(bytes));
    }
  });

  promise("keeps content named by sha512", async (place) => {
    const bytes = Buffer.from("sha512");
    const content = { mediaType: blobType, digest: digestOf(bytes, "sha512"), size: bytes.length };
    await place.write(content, Readable.from([bytes]));
    assert.ok((await bytesOf(place, content)).equals(bytes));
  });

  for (const [what, given] of [
    ["are others", "wrong"],
    ["are too few", "rig"],
    ["are too many", "righter"],
    ["are none", ""],
  ] as const) {
    promise(`keeps nothing when the bytes ${what}`, async (place) => {
      const content = blob("right");
      await assert.rejects(place.write(content, Readable.from([Buffer.from(given)])), {
        code: "DIGEST_MISMATCH",
        exitCode: 3,
      });
      assert.equal(await place.has(content), false);
      await put(place, blobType, "right");
      assert.equal((await bytesOf(place, content)).toString(), "right");
    });
  }

  promise("keeps nothing of large content with one wrong byte", async (place) => {
    const bytes = manyBytes(5_000_001);
    const content = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
    const wrong = Buffer.from(bytes);
    wrong[4_000_000]! ^= 1;
    await assert.rejects(place.write(content, inPieces(wrong)), { code: "DIGEST_MISMATCH" });
    assert.equal(await place.has(content), false);
  });

  promise("passes on why the bytes stopped coming, and can take them again", async (place) => {
    for (const bytes of [Buffer.from("small"), manyBytes(5_000_001)]) {
      const content = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
      await assert.rejects(place.write(content, breaking(bytes)), { message: "the line broke" });
      assert.equal(await place.has(content), false);
      await place.write(content, inPieces(bytes));
      assert.ok((await bytesOf(place, content)).equals(bytes));
    }
  });

  promise("goes on with an interrupted write, if it can", async (place) => {
    const bytes = manyBytes(5_000_001);
    const content = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
    await assert.rejects(place.write(content, breaking(bytes)), { message: "the line broke" });

    const offset = (await place.offsetOf?.(content.digest)) ?? 0;
    await place.write(content, inPieces(bytes.subarray(offset)), { offset });

    assert.ok((await bytesOf(place, content)).equals(bytes));
  });

  promise("takes the same content from several at once", async (place) => {
    const bytes = manyBytes(2_000_001);
    const content = { mediaType: blobType, digest: digestOf(bytes), size: bytes.length };
    await Promise.all([1, 2, 3].map(() => place.write(content, inPieces(bytes))));
    assert.ok((await bytesOf(place, content)).equals(bytes));
  });

  promise("gives up a write when told to", async (place) => {
    const content = { mediaType: blobType, digest: digestOf("never comes"), size: 3_000_000 };
    for (const delay of [0, 1, 5, 50]) {
      const stop = new AbortController();
      const endless = new Readable({ read() {} });
      endless.push(Buffer.alloc(100_000));
      const writing = place.write(content, endless, { signal: stop.signal });
      setTimeout(() => stop.abort(new Error("told to stop")), delay);
      await assert.rejects(writing, { message: "told to stop" });
      assert.equal(await place.has(content), false);
    }
  });

  promise("takes content whose digest nobody knows, if it can", async (place) => {
    if (!place.add) return;
    for (const bytes of [Buffer.from("small"), inPieces(Buffer.from("small"))]) {
      assert.deepEqual(await place.add(blobType, bytes), blob("small"));
    }
    assert.equal((await bytesOf(place, blob("small"))).toString(), "small");
    await assert.rejects(place.add(blobType, breaking(Buffer.from("small"))), { message: "the line broke" });
  });
}

export const blobType = mediaTypes.ociLayerGzip;

export function blob(text: string): Descriptor {
  return { mediaType: blobType, digest: digestOf(text), size: Buffer.byteLength(text) };
}

export async function put(
  place: ContentTarget,
  mediaType: string,
  data: string | Buffer,
): Promise<Descriptor> {
  const bytes = Buffer.from(data);
  const content = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await place.write(content, Readable.from([bytes]));
  return content;
}

/** A small image whose bytes depend on `tag`. */
export async function putImage(place: ContentTarget, tag: string, layerBytes?: Buffer) {
  const config = await put(place, mediaTypes.ociConfig, JSON.stringify({ os: "linux", variant: tag }));
  const layer = await put(place, blobType, layerBytes ?? `layer of ${tag}`);
  const manifest = await put(
    place,
    mediaTypes.ociManifest,
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }),
  );
  await place.tag(tag, manifest);
  return { manifest, config, layer };
}

export async function putIndex(place: ContentTarget, tag: string, manifests: readonly Descriptor[]) {
  const index = await put(
    place,
    mediaTypes.ociIndex,
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  );
  await place.tag(tag, index);
  return index;
}

export async function bytesOf(place: ContentSource, content: Descriptor, offset?: number): Promise<Buffer> {
  return buffer(await place.open(content, { offset }));
}

/** Not compressible, and the same each time. */
export function manyBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, state = seed; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function inPieces(bytes: Uint8Array, size = 65_536): Readable {
  return Readable.from(pieces(bytes, size));
}

export function breaking(bytes: Uint8Array): Readable {
  return Readable.from(
    (async function* () {
      yield* pieces(bytes.subarray(0, Math.floor(bytes.length / 2)), 65_536);
      throw new Error("the line broke");
    })(),
  );
}

export function digestsOf(contents: readonly Descriptor[]): Digest[] {
  return contents.map(({ digest }) => digest);
}

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
