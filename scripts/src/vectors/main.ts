/** Writes test/vectors/ours.json, ethereum.json and test/vectors/tiles anew. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ETHEREUM_FILE, ethereumText } from "./ethereum.js";
import { OUR_FILE, ourText } from "./ours.js";
import { tileFiles, TILES_FOLDER } from "./tiles.js";

writeFileSync(OUR_FILE, await ourText());
console.log(`wrote ${fileURLToPath(OUR_FILE)}`);
writeFileSync(ETHEREUM_FILE, await ethereumText());
console.log(`wrote ${fileURLToPath(ETHEREUM_FILE)}`);

const folder = fileURLToPath(TILES_FOLDER);
rmSync(folder, { recursive: true, force: true });
for (const [name, bytes] of await tileFiles()) {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}
console.log(`wrote ${folder}`);
