/** Kills and torn files: what was acknowledged is there, what was not is there whole or not at all (G10). */
import { spawn } from "node:child_process";
import { cp, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { COMMIT_STEPS, type CommitStep } from "./hooks.js";
import type { EmbeddedLedger } from "./ledger.js";
import { assertWhole, transactionOf } from "./testing/crash.js";
import { Folders, open } from "./testing/open.js";

const CHILD = fileURLToPath(new URL("./testing/crash-child.js", import.meta.url));

/** Runs the child until it dies. Answers what it acknowledged: number → transaction id. */
async function runToDeath(folder: string, step: CommitStep, block: number): Promise<Map<number, string>> {
  const child = spawn(process.execPath, [CHILD, folder, step, String(block)], { stdio: ["ignore", "pipe", "pipe"] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const signal = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (_code, by) => resolve(by));
  });
  expect(signal, Buffer.concat(errors).toString()).to.equal("SIGKILL");
  const lines = Buffer.concat(output).toString().split("\n").filter(Boolean);
  return new Map(lines.map((line) => line.split(" ")).map(([number, txId]) => [Number(number), txId ?? ""]));
}

describe("the embedded ledger, killed", () => {
  const folders = new Folders();
  after(() => folders.clear());

  for (const step of COMMIT_STEPS) {
    it(`at "${step}" keeps all that was acknowledged, shows nothing half-written, and goes on`, async () => {
      const folder = await folders.make();
      for (const block of [1, 4]) {
        const acknowledged = await runToDeath(folder, step, block);
        const ledger = await open(folder);
        // On disk from "written" on, whoever has heard of it.
        expect(await ledger.height()).to.equal(step === "written" || step === "acknowledged" ? block + 1 : block);
        const present = await assertWhole(ledger);
        for (const [number, txId] of acknowledged) expect(present.get(number)).to.equal(txId);
        if (step === "acknowledged") expect(acknowledged.size).to.be.greaterThan(0);
        await ledger.close();
      }
    });
  }

  it("leaves a folder that the next process can open at once, though nobody closed it", async () => {
    const folder = await folders.make();
    await runToDeath(folder, "built", 2);
    const ledger = await open(folder);
    await ledger.submit(transactionOf(99));
    expect([...(await assertWhole(ledger)).keys()]).to.include(99);
    await ledger.close();
  });
});

describe("the embedded ledger, its files torn", () => {
  const folders = new Folders();
  let folder: string;
  let log: string;
  /** Size of LevelDB's log when this many transactions had been acknowledged. */
  const acknowledgedAt: number[] = [];

  async function newestLog(of: string): Promise<string> {
    const files = (await readdir(path.join(of, "ledger"))).filter((name) => name.endsWith(".log")).sort();
    return path.join(of, "ledger", files.at(-1)!);
  }

  before(async () => {
    folder = await folders.make();
    const ledger: EmbeddedLedger = await open(folder, { durability: "synced" });
    log = await newestLog(folder);
    acknowledgedAt.push((await stat(log)).size);
    for (let number = 0; number < 8; number++) {
      await ledger.submit(transactionOf(number));
      acknowledgedAt.push((await stat(log)).size);
    }
    await ledger.close();
  });
  after(() => folders.clear());

  async function copyWith(change: (log: string) => Promise<void>): Promise<string> {
    const copy = await folders.make();
    await cp(folder, copy, { recursive: true });
    await change(await newestLog(copy));
    return copy;
  }

  it("wherever the log is cut, keeps each block that was synced before the cut, and no part of another", async () => {
    const end = acknowledgedAt.at(-1)!;
    expect(acknowledgedAt).to.deep.equal([...new Set(acknowledgedAt)]);
    const offsets = new Set(acknowledgedAt.flatMap((size) => [size - 1, size, size + 1, size + 7]));
    for (let n = 0; n < 24; n++) offsets.add(acknowledgedAt[0]! + Math.floor(((end - acknowledgedAt[0]!) * n) / 24));
    for (const offset of [...offsets].filter((one) => one <= end)) {
      const copy = await copyWith((file) => truncate(file, offset));
      const ledger = await open(copy);
      const kept = acknowledgedAt.filter((size) => size <= offset).length - 1;
      expect(await ledger.height(), `cut at ${offset}`).to.equal(Math.max(kept, 0) + 1);
      expect((await assertWhole(ledger)).size).to.equal(Math.max(kept, 0));
      await ledger.submit(transactionOf(50));
      expect((await assertWhole(ledger)).has(50)).to.equal(true);
      await ledger.close();
    }
  });

  it("wherever a byte of the log is changed, opens to a sound prefix or refuses; never to a chain with a hole", async () => {
    const end = acknowledgedAt.at(-1)!;
    let refused = 0;
    for (let n = 0; n < 24; n++) {
      const at = Math.floor((end * (n + 0.5)) / 24);
      const copy = await copyWith(async (file) => {
        const bytes = await readFile(file);
        bytes[at] = bytes[at]! ^ 0x55;
        await writeFile(file, bytes);
      });
      const opened: unknown = await open(copy).catch((error: unknown) => error);
      if (isQuanjiError(opened, "INTERNAL")) {
        expect(opened.detail).to.equal("LEDGER_CORRUPT");
        refused++;
        continue;
      }
      const ledger = opened as EmbeddedLedger;
      await assertWhole(ledger);
      await ledger.close();
    }
    expect(refused).to.be.greaterThan(0);
  });
});
