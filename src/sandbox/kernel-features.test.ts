import assert from "node:assert/strict";
import { test } from "node:test";
import { modulesBuiltin } from "./kernel-features.ts";

test("lists what the kernel has built in, and nothing that it lacks", () => {
  const text = modulesBuiltin("CONFIG_OVERLAY_FS=y\n# CONFIG_IP_VS is not set\nCONFIG_VXLAN=m\n");
  assert.equal(text, "kernel/fs/overlayfs/overlay.ko\n");
});

test("a module that is loaded already counts as built in", () => {
  assert.equal(
    modulesBuiltin("CONFIG_VXLAN=m\n", ["vxlan", "kernel"]),
    "kernel/drivers/net/vxlan/vxlan.ko\n",
  );
});
