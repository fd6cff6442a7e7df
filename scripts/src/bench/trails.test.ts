import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openTrust, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { makeTrail } from "./trails.js";

describe("trails for measuring", () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(path.join(tmpdir(), "quanji-trails-"))));
  after(() => rm(folder, { recursive: true }));

  it("verify, with every rule replayed, and any record taken away is missed", async () => {
    const [trail, trustPath] = [path.join(folder, "a.ndjson"), path.join(folder, "a.json")];
    const made = await makeTrail(50, trail, trustPath);
    const trust = await openTrust(await readFile(trustPath), { now: made.nowMs + 1000 });
    expect(await verifyTrail(createReadStream(trail, { highWaterMark: 1000 }), trust, { replay: "all" })).to.include({
      ok: true,
      records: 50,
      permitted: 20,
      denied: 10,
    });
    const text = await readFile(trail, "utf8");
    expect(Buffer.byteLength(text)).to.equal(made.bytes);
    expect(made.signatures).to.equal(30);
    const lines = text.split("\n");
    const record = lines.findIndex((line) => line.includes('"index\\":22'));
    expect(await verifyTrail(lines.toSpliced(record, 1).join("\n"), trust)).to.include({ ok: false });
  });

  it("differ from run to run in nothing but ES256 signatures", async () => {
    const [first, second] = await Promise.all(
      ["b", "c"].map(async (name) => {
        const file = path.join(folder, name);
        await makeTrail(20, file, `${file}.json`);
        const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.startsWith('{"o"'));
        return lines.map((line) => line.replace(/"signature":"[^"]*"/, ""));
      }),
    );
    expect(first).to.have.length(20).and.deep.equal(second);
  });
});
