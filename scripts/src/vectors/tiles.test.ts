import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { tileFiles, TILES_FOLDER } from "./tiles.js";

describe("vectors of static files", () => {
  it("are what this program writes: nothing more, nothing less, byte for byte", async () => {
    const folder = fileURLToPath(TILES_FOLDER);
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const names = entries.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
    const files = await tileFiles();
    expect(names.sort()).to.deep.equal([...files.keys()].sort());
    for (const [name, bytes] of files) {
      expect(new Uint8Array(readFileSync(path.join(folder, name))), name).to.deep.equal(bytes);
    }
  });
});
