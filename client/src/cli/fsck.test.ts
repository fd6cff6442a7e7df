/** What `quanji fsck` makes of what the gateway's program says. The program itself is tested with real folders elsewhere. */
import { writeFile } from "node:fs/promises";
import { expect } from "chai";
import { Desk } from "./io.test.js";

const WHOLE = {
  ok: true,
  folder: "/data",
  ledger: { ok: true, blocks: 3, transactions: 4, keys: 5 },
  index: { ok: true, state: "behind", blocks: 2, entries: 6 },
};

describe("quanji fsck", () => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await Desk.open();
  });
  afterEach(() => desk.close());

  /** A program that says these lines, after its arguments and folder. */
  async function programSaying(...lines: readonly unknown[]): Promise<void> {
    const said = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
    await writeFile(
      desk.path("program.mjs"),
      `process.stderr.write([...process.argv.slice(2), process.env.QUANJI_DATA].join(" "));process.stdout.write(${JSON.stringify(said)});`,
    );
    desk.env["QUANJI_GATEWAY_PROGRAM"] = desk.path("program.mjs");
  }

  it("a whole folder: exit code 0, the report with --json, and what it counts for people", async () => {
    await programSaying(WHOLE);
    const { exitCode, out, err } = await desk.run(["fsck"]);
    expect([exitCode, err]).to.deep.equal([0, ""]);
    expect(out)
      .to.match(/^verdict {2}whole$/m)
      .and.to.contain("behind: 2 blocks, 6 rows");
    expect((await desk.run(["fsck", "--json"])).json).to.deep.equal(WHOLE);
  });

  it("a ledger or index that differs: exit code 1, the place, and what to do", async () => {
    const fault = { code: "STATE", message: "key is missing", block: 7, index: 2 };
    await programSaying({ ok: false, folder: "/data", ledger: { ...WHOLE.ledger, ok: false, fault } });
    const ledger = await desk.run(["fsck"]);
    expect(ledger.exitCode).to.equal(1);
    expect(ledger.out).to.match(/STATE: key is missing\nblock +7\ntransaction +2$/m);
    expect(ledger.err).to.match(/^next: keep this folder/);
    await programSaying({
      ...WHOLE,
      ok: false,
      index: { ...WHOLE.index, ok: false, fault: { code: "INDEX", message: "row" } },
    });
    expect((await desk.run(["fsck"])).err).to.match(/^next: delete the folder readmodel/);
    await programSaying({ ...WHOLE, index: { ...WHOLE.index, state: "foreign" } });
    expect((await desk.run(["fsck"])).err).to.contain("makes the index anew");
  });

  it("draws how far it is while somebody watches", async () => {
    await programSaying({ progress: { done: 1, of: 4 } }, WHOLE);
    const io = desk.io({ watched: true });
    const { exitCode } = await desk.run(["fsck"], io);
    expect(exitCode).to.equal(0);
    expect(io.said.err).to.contain("] 1 blocks");
  });

  it("what the program refuses, with its code; a folder in use is exit code 3", async () => {
    const refusal = {
      ok: false,
      code: "CONFIG_INVALID",
      message: "QUANJI_DATA: holds no ledger",
      field: "QUANJI_DATA",
    };
    await programSaying(refusal);
    const refused = await desk.run(["fsck", "--data", "x", "--json"]);
    expect(refused.exitCode).to.equal(2);
    expect(refused.json).to.include({ code: "CONFIG_INVALID", message: refusal.message, field: "QUANJI_DATA" });
    await programSaying({ ...refusal, detail: "IN_USE" });
    expect((await desk.run(["fsck"])).exitCode).to.equal(3);
    await programSaying({ ...refusal, code: "SOMETHING" });
    expect((await desk.run(["fsck", "--json"])).json).to.include({ code: "INTERNAL" });
  });

  it("a program that says nothing, nonsense, or half a report is a fault of its own, with its last words", async () => {
    for (const lines of [[], ["nonsense"], ["[1]"], [{ ok: true }]]) {
      await programSaying(...lines);
      const { exitCode, err } = await desk.run(["fsck", "--data", "x"]);
      expect([exitCode, err.split(":")[0]], JSON.stringify(lines)).to.deep.equal([1, "INTERNAL"]);
    }
    await programSaying();
    expect((await desk.run(["fsck", "--data", "x"])).err).to.contain(`fsck ${desk.path("x")}`);
  });
});
