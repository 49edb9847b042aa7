// Runs `replay`, built for WebAssembly, under Node: node replay.mjs MODULE FOLDER ARGUMENTS...
// The folder is what the module sees as /lab.

import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [module, folder, ...rest] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: ["replay", ...rest],
  preopens: { "/lab": folder },
});
const program = await WebAssembly.compile(await readFile(module));
process.exitCode = wasi.start(
  await WebAssembly.instantiate(program, wasi.getImportObject()),
);
