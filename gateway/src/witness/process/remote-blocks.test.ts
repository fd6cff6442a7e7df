import type { QuanjiError } from "@quanji/chaincode/domain";
import { collectionOf } from "@quanji/chaincode/world";
import { expect } from "chai";
import { decodeBlock, encodeBlock } from "../../ledger/embedded/block.js";
import { keyHashOf } from "../../ledger/embedded/rwset.js";
import { Folders, HOLDER, open } from "../../ledger/embedded/testing/open.js";
import { quietly } from "../../ledger/embedded/testing/probe.js";
import type { LedgerBlock } from "../../ledger/ledger.js";
import { RemoteBlocks } from "./remote-blocks.js";

const COLLECTION = collectionOf(HOLDER);
const URL = "http://gateway.test";

describe("the blocks of an embedded ledger, followed from outside", () => {
  const folders = new Folders();
  let blocks: Uint8Array[];
  let reports: string[];
  let pauses: number[];
  before(async () => {
    const ledger = await open(await folders.make());
    await ledger.submit(quietly([["put", "a", "1"]]));
    await ledger.submit(quietly([["putPrivate", COLLECTION, "b", "secret"]]));
    blocks = [];
    for (let number = 0; number < (await ledger.height()); number++) {
      blocks.push((await ledger.blockBytes?.(number)) ?? new Uint8Array());
    }
    expect(await ledger.blockBytes?.(blocks.length)).to.equal(undefined);
    await ledger.close();
  });
  after(() => folders.clear());
  beforeEach(() => {
    [reports, pauses] = [[], []];
  });

  /** @param read answers a status instead of bytes, or throws as a connection does */
  const remote = (read: (number: number) => Uint8Array | number): RemoteBlocks =>
    new RemoteBlocks({
      url: URL,
      fetch: (input) => {
        const path = String(input instanceof Request ? input.url : input).slice(URL.length);
        if (path === "/v1/blocks") return Promise.resolve(Response.json({ height: blocks.length }));
        return Promise.resolve()
          .then(() => read(Number(path.slice("/v1/blocks/".length))))
          .then((found) =>
            typeof found === "number" ? new Response(null, { status: found }) : new Response(Buffer.from(found)),
          );
      },
      pause: (ms) => Promise.resolve(void pauses.push(ms)),
      report: (what) => void reports.push(what),
    });
  async function all(followed: RemoteBlocks, from = 0): Promise<LedgerBlock[]> {
    const shown: LedgerBlock[] = [];
    for await (const block of followed.blocks(from)) if (shown.push(block) === blocks.length - from) break;
    return shown;
  }
  const refusal = (followed: RemoteBlocks): Promise<unknown> =>
    all(followed).then(
      () => expect.fail("it was followed"),
      (error: unknown) => (error as QuanjiError).detail,
    );

  it("show public writes, and of private ones the hashes", async () => {
    const shown = await all(remote((number) => blocks[number]!));
    const [first, second] = shown.slice(1).map(({ transactions }) => transactions[0]);
    expect(first?.writes).to.deep.equal([{ key: "a", value: "1" }]);
    expect(second?.writes).to.deep.equal([]);
    expect(second?.hashes?.map(({ collection, keyHash }) => [collection, keyHash])).to.deep.equal([
      [COLLECTION, keyHashOf("b")],
    ]);
    expect(Buffer.from(blocks[2]!).includes("secret")).to.equal(false);
  });

  it("say how many there are when they are asked", async () => {
    expect(await remote(() => 404).newest()).to.equal(blocks.length);
  });

  it("are waited for: a gateway that has none yet, or is away, is asked again", async () => {
    const answers: (() => Uint8Array | number)[] = [
      () => 404,
      () => {
        throw new TypeError("connection refused");
      },
      () => 500,
      () => 404,
    ];
    const shown = await all(remote((number) => (number === 1 ? (answers.shift()?.() ?? blocks[1]!) : blocks[number]!)));
    expect(shown).to.have.length(blocks.length);
    expect(pauses).to.have.length(4);
    expect(reports).to.have.length(1);
  });

  it("are followed no further once one does not follow the one before", async () => {
    const { header, ...rest } = decodeBlock(blocks[2]!);
    const other = encodeBlock({ ...rest, header: { ...header, previousHash: new Uint8Array(32) } });
    expect(await refusal(remote((number) => (number === 2 ? other : blocks[number]!)))).to.equal("BLOCK_CHAIN");
  });

  it("are followed no further once one does not hold what its header hashes", async () => {
    const parts = decodeBlock(blocks[1]!);
    const other = encodeBlock({ ...parts, envelopes: [...parts.envelopes, ...parts.envelopes] });
    expect(await refusal(remote((number) => (number === 1 ? other : blocks[number]!)))).to.equal("BLOCK_DATA_HASH");
  });

  for (const [what, bytes] of [
    ["another block", () => blocks[2]!],
    ["no block", () => Buffer.from("nonsense")],
  ] as const) {
    it(`are followed no further once ${what} is given for one`, async () => {
      expect(await refusal(remote((number) => (number === 1 ? bytes() : blocks[number]!)))).to.equal("BLOCK_MALFORMED");
    });
  }

  it("end when they are closed", async () => {
    const stream = remote(() => 404).blocks(0);
    const shown: LedgerBlock[] = [];
    const reading = (async () => {
      for await (const block of stream) shown.push(block);
    })();
    await stream.close();
    await reading;
    expect(shown).to.deep.equal([]);
  });
});
