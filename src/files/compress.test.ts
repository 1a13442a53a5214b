import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { compress } from "./compress.ts";
import { decompress } from "./decompress.ts";
import { bytesOf, inChunks } from "./testing.ts";

for (const compression of ["gzip", "zstd"] as const) {
  for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (4 << 20) + 1, 9_000_000]) {
    test(`${size} bytes come back from ${compression}`, async () => {
      const bytes = mixed(size);
      const packed = await bytesOf(compress(inChunks(bytes), compression));
      assert.ok((await bytesOf(decompress(inChunks(packed, 5000)))).equals(bytes));
    });
  }

  test(`${compression} output depends on the bytes alone, not on how they come`, async () => {
    const bytes = mixed(5_000_000);
    const packed = await bytesOf(compress(inChunks(bytes, 3_000_001), compression));
    assert.ok((await bytesOf(compress(inChunks(bytes, 777), compression))).equals(packed));
  });

  test(`${compression} lets the source fail through`, async () => {
    await assert.rejects(bytesOf(compress(failing(), compression)), /the source broke/);
    await assert.rejects(bytesOf(decompress(failing())), /the source broke/);
  });

  test(`${compression} ends the source when the reader leaves early`, async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield mixed(1 << 20);
      } finally {
        ended = true;
      }
    }
    for await (const _ of compress(endless(), compression)) break;
    assert.ok(ended);
  });
}

test("gzip makes one member, which gzip and zlib read, as small as gzip's own", async () => {
  const bytes = mixed(6_000_000);
  const packed = await bytesOf(compress(inChunks(bytes), "gzip"));
  assert.ok(gunzipSync(packed).equals(bytes));
  assert.equal(packed.indexOf(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]), 1), -1);
  assert.ok(execFileSync("gzip", ["-dc"], { input: packed, maxBuffer: 1 << 24 }).equals(bytes));
  assert.ok(packed.length < gzipSync(bytes).length * 1.02);
});

test("zstd makes frames with checksums that other readers take", async () => {
  const bytes = mixed(6_000_000);
  const packed = await bytesOf(compress(inChunks(bytes), "zstd"));
  assert.ok(zstdDecompressSync(packed).equals(bytes));
  const spoilt = Buffer.from(packed);
  spoilt.writeUInt8(spoilt.at(-1)! ^ 1, spoilt.length - 1);
  await assert.rejects(bytesOf(decompress(inChunks(spoilt))), { code: "FILE_INVALID" });
});

test("a level changes the size, not the content", async () => {
  const bytes = mixed(2_000_000);
  const fast = await bytesOf(compress(inChunks(bytes), "gzip", { level: 1 }));
  const small = await bytesOf(compress(inChunks(bytes), "gzip", { level: 9 }));
  assert.ok(small.length < fast.length);
  assert.ok(gunzipSync(fast).equals(gunzipSync(small)));
});

test("none, and what has no known magic number, pass as they are", async () => {
  for (const bytes of [Buffer.from("plain"), Buffer.from("x"), Buffer.alloc(0), Buffer.from([0x1f])]) {
    assert.ok((await bytesOf(compress(inChunks(bytes), "none"))).equals(bytes));
    assert.ok((await bytesOf(decompress(inChunks(bytes, 1)))).equals(bytes));
  }
});

const text = Buffer.from("all quiet\n".repeat(500));
const packedText = { gzip: gzipSync(text), zstd: zstdCompressSync(text) };
const skippable = Buffer.concat([Buffer.from([0x51, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from("note")]);

for (const chunk of [1, 100, 65536]) {
  for (const compression of ["gzip", "zstd"] as const) {
    const packed = packedText[compression];

    test(`${compression} in chunks of ${chunk}: several members or frames follow each other`, async () => {
      const both = await bytesOf(decompress(inChunks(Buffer.concat([packed, packed]), chunk)));
      assert.ok(both.equals(Buffer.concat([text, text])));
    });

    test(`${compression} in chunks of ${chunk}: anything else after it is refused`, async () => {
      for (const junk of [Buffer.from("junk"), Buffer.alloc(1), Buffer.alloc(512)]) {
        const bytes = Buffer.concat([packed, junk]);
        await assert.rejects(bytesOf(decompress(inChunks(bytes, chunk), { where: "layer 1" })), {
          code: "FILE_INVALID",
          message: /^layer 1 is refused: /,
        });
      }
    });

    test(`${compression} in chunks of ${chunk}: what is cut off is refused`, async () => {
      for (const length of [5, packed.length >> 1, packed.length - 1]) {
        await assert.rejects(bytesOf(decompress(inChunks(packed.subarray(0, length), chunk))), {
          code: "FILE_INVALID",
        });
      }
    });
  }
}

test("zstd's skippable frames hold nothing", async () => {
  const bytes = Buffer.concat([skippable, packedText.zstd, skippable]);
  assert.ok((await bytesOf(decompress(inChunks(bytes)))).equals(text));
});

test("a damaged gzip checksum or byte is refused", async () => {
  for (const at of [-8, -4, 30]) {
    const bytes = Buffer.from(packedText.gzip);
    bytes[bytes.length + (at < 0 ? at : at - bytes.length)]! ^= 0xff;
    await assert.rejects(bytesOf(decompress(inChunks(bytes))), { code: "FILE_INVALID" });
  }
});

test("only one layer of compression is undone", async () => {
  const nested = gzipSync(packedText.gzip);
  assert.ok((await bytesOf(decompress(inChunks(nested)))).equals(packedText.gzip));
});

test("a bomb is stopped by its ratio soon after 64 MB, and one that is allowed is not", async () => {
  for (const bomb of [gzipSync(Buffer.alloc(70e6)), zstdCompressSync(Buffer.alloc(70e6))]) {
    let out = 0;
    const reading = async () => {
      for await (const chunk of decompress(inChunks(bomb, 1024))) out += chunk.length;
    };
    await assert.rejects(reading(), { code: "FILE_INVALID", message: /200 times/ });
    assert.ok(out <= 64 << 20);

    const whole = decompress(inChunks(bomb), { limits: { ratio: 1e6 } });
    assert.equal(await lengthOf(whole), 70e6);
  }
});

test("nothing comes out beyond the limit in bytes, packed or plain", async () => {
  for (const bytes of [packedText.gzip, packedText.zstd, text]) {
    const limited = decompress(inChunks(bytes), { limits: { bytes: 4999 } });
    await assert.rejects(bytesOf(limited), { code: "FILE_INVALID", message: /4999 bytes/ });
    assert.ok((await bytesOf(decompress(inChunks(bytes), { limits: { bytes: 5000 } }))).equals(text));
  }
});

test("a zstd window of 2 GB is refused, one of 128 MB is not", async () => {
  const frame = (exponent: number) =>
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, ...[(2 << 3) | 1, 0, 0], ...Buffer.from("hi")]);
  await assert.rejects(bytesOf(decompress(inChunks(frame(21)))), { message: /larger than 128 MB/ });
  await assert.rejects(bytesOf(decompress(inChunks(frame(18)))), { message: /larger than 128 MB/ });
  assert.equal((await bytesOf(decompress(inChunks(frame(17))))).toString(), "hi");
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield packedText.gzip.subarray(0, 20);
  throw new Error("the source broke");
}

async function lengthOf(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of chunks) length += chunk.length;
  return length;
}

/** Half text, half noise, always the same. */
function mixed(size: number): Buffer {
  const bytes = Buffer.alloc(size, "The quick brown fox jumps over the lazy dog. ");
  let state = 1;
  for (let at = 0; at < size; at += 1 + (state >>> 28)) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
