import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { shellQuote } from "./shell-quote.ts";

test("quotes words so that a shell gets exactly them", () => {
  const words = [
    "plain",
    "",
    "a b",
    "it's",
    "$HOME",
    "`id`",
    "\\",
    "\n",
    "~",
    "~root",
    "a=b",
    "=ls",
    "#",
    "*",
    "{a,b}",
    "!!",
  ];

  const printed = execFileSync("sh", ["-c", `printf '%s\\0' ${shellQuote(words)}`], { encoding: "utf8" });

  assert.deepEqual(printed.split("\0").slice(0, -1), words);
});

test("leaves plain words readable, and refuses a NUL byte", () => {
  assert.equal(
    shellQuote(["kubeadm", "init", "--config=/etc/kubeadm.yml"]),
    "kubeadm init --config=/etc/kubeadm.yml",
  );
  assert.throws(() => shellQuote(["a\0b"]), /NUL/);
});
