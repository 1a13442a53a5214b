import assert from "node:assert/strict";
import { test } from "node:test";
import { maskSecrets, messageText } from "./message-text.ts";

test("takes escape sequences and control characters out of what a host says", () => {
  const said = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b(B \x9b2J\u202Eab\rc\0\b end\tof\nit";

  assert.equal(messageText(said), "red text 2Jabc end\tof\nit");
});

test("masks every form of a secret, the longest first", () => {
  assert.equal(maskSecrets("it's it'\\''s it", ["it", "it's", ""]), "*** *** ***");
  assert.equal(
    maskSecrets("key: line-one-of-it / line-two-of-it", ["line-one-of-it\nline-two-of-it\n"]),
    "key: *** / ***",
  );
});

test("masks a secret that an escape sequence was to hide in", () => {
  assert.equal(messageText("hun\x1b[0mter22", ["hunter22"]), "***");
});
