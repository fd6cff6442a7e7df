/** `quanji fsck` on the folder of a gateway that was used: whole, in use, and each kind of damage. */
import { cp, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect } from "chai";
import { Level } from "level";
import type { LocalHost } from "../support/host.js";
import { GATEWAY, QUANJI, type Ran, runProgram } from "../support/program.js";
import { newFolder, Stage } from "../support/stage.js";

interface Part {
  readonly ok: boolean;
  readonly state?: string;
  readonly blocks: number;
  readonly entries?: number;
  readonly fault?: { readonly code: string; readonly message: string };
}

interface Report {
  readonly ok: boolean;
  readonly ledger: Part;
  readonly index?: Part;
  readonly code?: string;
  readonly message?: string;
}

describe("faults: quanji fsck", () => {
  let stage: Stage<LocalHost>;
  let data: string;
  before(async () => {
    stage = await Stage.open();
    data = stage.host.data;
    const grant = await stage.granted();
    for (const purpose of ["risk.assessment", "marketing"])
      await stage.use("insurer", stage.access(grant, { purpose }));
  });
  after(() => stage.close());

  const quanji = (...argv: readonly string[]): Promise<Ran> => runProgram([QUANJI, "fsck", "--data", data, ...argv]);

  /** The report as the gateway's own program gives it: the same as by `quanji fsck --json`, in half the time. */
  const report = async (exitCode: number, folder = data): Promise<Report> => {
    const ran = await runProgram([GATEWAY, "fsck"], { QUANJI_DATA: folder });
    expect(ran.exitCode, ran.out + ran.err).to.equal(exitCode);
    return JSON.parse(ran.out.trim().split("\n").at(-1) ?? "") as Report;
  };

  type Row = [key: string, value: Buffer];
  type Database = Level<string, Buffer>;

  async function change<T>(folder: "ledger" | "readmodel", edit: (db: Database) => Promise<T>): Promise<T> {
    const db: Database = new Level(path.join(data, folder), { valueEncoding: "buffer" });
    try {
      return await edit(db);
    } finally {
      await db.close();
    }
  }

  /** The first row whose key begins so, and is of that length if one is given. */
  const firstOf = (folder: "ledger" | "readmodel", prefix: string, length?: number): Promise<Row> =>
    change(folder, async (db) => {
      for await (const row of db.iterator({ gte: prefix })) {
        if (row[0].startsWith(prefix) && (length === undefined || row[0].length === length)) return row;
      }
      throw new Error(`${folder} has no row ${prefix}`);
    });

  it("refuses while a gateway holds the folder: exit code 3", async () => {
    expect(await report(3)).to.include({ ok: false, code: "CONFIG_INVALID", detail: "IN_USE" });
    const { exitCode, err } = await quanji();
    expect(exitCode).to.equal(3);
    expect(err).to.contain("in use by another gateway: stop it");
  });

  it("refuses a folder without a ledger, and one of a Fabric gateway: exit code 2; and makes nothing there", async () => {
    const folder = await newFolder();
    expect(await report(2, folder)).to.include({ code: "CONFIG_INVALID", field: "QUANJI_DATA" });
    expect(await readdir(folder)).to.deep.equal([]);
    const fabric = { ledger: "fabric", fabric: { profile: "profile.json" } };
    await writeFile(path.join(folder, "gateway.json"), JSON.stringify(fabric));
    expect((await report(2, folder)).message).to.contain("follows a Fabric network");
    await rm(folder, { recursive: true });
  });

  it("a folder at rest is whole, and stays so", async () => {
    await stage.host.close();
    const { exitCode, out, err } = await quanji("--json");
    expect([exitCode, err]).to.deep.equal([0, ""]);
    const { ledger, index } = JSON.parse(out) as Report;
    expect([ledger.ok, index?.ok, index?.state, index?.blocks]).to.deep.equal([true, true, "current", ledger.blocks]);
    expect(index?.entries).to.be.greaterThan(50);
    expect(await report(0), "twice").to.deep.equal(JSON.parse(out));
    expect((await readdir(data)).filter((name) => name.includes("check"))).to.deep.equal([]);
    expect((await quanji()).out).to.match(/^verdict {2}whole$/m);
  });

  it("finds a row of the index that is changed, added or missing, and says how to mend it", async () => {
    const [key, value] = await firstOf("readmodel", "r|");
    await change("readmodel", (db) => db.put(key, Buffer.concat([value, Buffer.from(" ")])));
    const changed = (await report(1)).index?.fault?.message;
    expect(changed).to.equal(`row ${JSON.stringify(key)} is not what the blocks make it`);
    await change("readmodel", (db) =>
      db.batch([
        { type: "put", key, value },
        { type: "put", key: "r|zzz", value },
      ]),
    );
    expect((await report(1)).index?.fault?.message).to.equal('row "r|zzz" follows from no block');
    await change("readmodel", (db) =>
      db.batch([
        { type: "del", key },
        { type: "del", key: "r|zzz" },
      ]),
    );
    const { exitCode, out, err } = await quanji();
    expect(exitCode).to.equal(1);
    expect(out).to.contain("is missing").and.not.to.contain(value.toString("utf8").slice(0, 40));
    expect(err).to.contain("delete the folder readmodel");
    await rm(path.join(data, "readmodel"), { recursive: true });
    expect((await report(0)).index).to.include({ ok: true, state: "absent" });
    await stage.host.start();
    await stage.host.close();
    expect((await report(0)).index).to.include({ ok: true, state: "current" });
  });

  it("an index of another ledger or format is no damage: the next start makes it anew", async () => {
    const [key, meta] = await firstOf("readmodel", "m");
    const other = { ...(JSON.parse(meta.toString("utf8")) as object), tip: "another" };
    await change("readmodel", (db) => db.put(key, Buffer.from(JSON.stringify(other))));
    expect((await report(0)).index).to.include({ ok: true, state: "foreign" });
    await change("readmodel", (db) => db.put(key, meta));
  });

  it("an index that a crash left behind is compared at the height that it has", async () => {
    const [index, kept] = [path.join(data, "readmodel"), path.join(data, "kept")];
    await cp(index, kept, { recursive: true });
    await stage.host.start();
    await stage.granted("stranger");
    await stage.host.close();
    await rm(index, { recursive: true });
    await rename(kept, index);
    const { ledger, index: found } = await report(0);
    expect(found).to.include({ ok: true, state: "behind" });
    expect(found?.blocks).to.be.lessThan(ledger.blocks);
    const [key, value] = await firstOf("readmodel", "c|");
    await change("readmodel", (db) => db.del(key));
    expect((await report(1)).index?.fault?.message).to.equal(`row ${JSON.stringify(key)} is missing`);
    await change("readmodel", (db) => db.put(key, value));
  });

  it("finds damage of the ledger itself, and does not compare the index with it", async () => {
    const [key, value] = await firstOf("ledger", "s");
    await change("ledger", (db) => db.put(key, Buffer.concat([value, Buffer.from("x")])));
    const found = await report(1);
    expect(found.ledger.fault?.code).to.equal("STATE");
    expect(found).not.to.have.property("index");
    expect((await quanji()).err).to.contain("keep this folder as it is");
    await change("ledger", (db) => db.put(key, value));
    const block = await firstOf("ledger", "b", 13);
    await change("ledger", (db) => db.put(block[0], block[1].subarray(0, 100)));
    expect((await report(1)).ledger.fault?.code).to.equal("LEDGER_CORRUPT");
    await change("ledger", (db) => db.put(...block));
    expect((await report(0)).ok).to.equal(true);
  });
});
