#!/usr/bin/env node
import { existsSync } from "node:fs";

const entry = new URL("../dist/source/main.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("quanji-source is not built yet: run `npm run build` in the project's folder.\n");
  process.exit(2);
}
await import(entry.href);
