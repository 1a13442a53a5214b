import { applyLayer } from "#files";
import { createReadStream } from "node:fs";
const t0 = performance.now();
console.log(await applyLayer(createReadStream("/tmp/small.tar", {highWaterMark: 1<<20}), "/tmp/small.out"), Math.round(performance.now()-t0));
