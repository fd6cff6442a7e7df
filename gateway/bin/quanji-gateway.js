#!/usr/bin/env -S node --max-semi-space-size=64
// Requests live for as long as their batch takes: with the default of 16 MB most of them would be copied twice before they die.
import { existsSync } from "node:fs";

const entry = new URL("../dist/main.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("quanji-gateway is not built yet: run `npm run build` in the project's folder.\n");
  process.exit(2);
}
await import(entry.href);
