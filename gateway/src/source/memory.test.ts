import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { AdapterMemory, type Stream } from "./memory.js";

const STREAM: Stream = { log: "quanji.test/demo/gw/0", resource: "res/weather.daily" };
const OTHER: Stream = { ...STREAM, resource: "res/weather.daily2" };

describe("source: memory", () => {
  let folder: string;
  let memory: AdapterMemory;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-source-"));
    memory = await AdapterMemory.open(folder);
  });
  afterEach(async () => {
    await memory.close();
    await rm(folder, { recursive: true });
  });
  const reopen = async (): Promise<void> => {
    await memory.close();
    memory = await AdapterMemory.open(folder);
  };

  it("takes a ticket once: at once, later, and after a restart", async () => {
    const both = await Promise.all([memory.take(STREAM, 7, 1_000), memory.take(STREAM, 7, 1_000)]);
    expect(both.sort()).to.deep.equal([false, true]);
    expect(await memory.take(STREAM, 7, 1_000)).to.equal(false);
    await reopen();
    expect(await memory.take(STREAM, 7, 1_000)).to.equal(false);
    expect(await memory.take(OTHER, 7, 1_000)).to.equal(true);
    expect(await memory.streams()).to.have.deep.members([STREAM, OTHER]);
  });

  it("claims what is past, from the first ticket ever, then from where the last claim ended", async () => {
    expect(await memory.claim(STREAM, 5_000)).to.equal(undefined);
    for (const [index, until] of [
      [4, 1_000],
      [6, 2_000],
      [9, 9_000],
    ] as const) {
      await memory.take(STREAM, index, until);
    }
    expect(await memory.claim(STREAM, 1_000), "nothing is past yet").to.equal(undefined);
    const claim = await memory.claim(STREAM, 5_000);
    expect(claim).to.deep.equal({ from: 4, to: 7, served: 2 });
    await memory.settle(STREAM, claim!);
    expect(await memory.claim(STREAM, 5_000)).to.equal(undefined);
    expect(await memory.claim(STREAM, 10_000)).to.deep.equal({ from: 7, to: 10, served: 1 });
  });

  it("a claim stays what it was until it is settled, whatever comes meanwhile and over a restart", async () => {
    await memory.take(STREAM, 4, 1_000);
    const claim = await memory.claim(STREAM, 2_000);
    await memory.take(STREAM, 5, 1_500);
    await reopen();
    expect(await memory.claim(STREAM, 9_000)).to.deep.equal(claim);
    await memory.settle(STREAM, claim!);
    expect(await memory.claim(STREAM, 9_000)).to.deep.equal({ from: 5, to: 6, served: 1 });
  });

  it("a ticket from before the last tally serves nobody, though its own mark is gone", async () => {
    await memory.take(STREAM, 4, 1_000);
    await memory.settle(STREAM, (await memory.claim(STREAM, 2_000))!);
    await reopen();
    expect(await memory.take(STREAM, 4, 1_000)).to.equal(false);
    expect(await memory.take(STREAM, 3, 1_000)).to.equal(false);
  });

  it("keeps a second process out", async () => {
    let refusal: unknown;
    try {
      await AdapterMemory.open(folder);
    } catch (error) {
      refusal = error;
    }
    expect(isQuanjiError(refusal, "CONFIG_INVALID") && refusal.detail).to.equal("IN_USE");
  });
});
