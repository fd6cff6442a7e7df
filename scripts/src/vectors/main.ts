/** Writes test/vectors/ours.json anew. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OUR_FILE, ourText } from "./ours.js";

writeFileSync(OUR_FILE, await ourText());
console.log(`wrote ${fileURLToPath(OUR_FILE)}`);
