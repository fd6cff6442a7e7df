import { common, ledger as ledgerProtos, peer } from "@hyperledger/fabric-protos";
import { collectionOf } from "@quanji/chaincode/world";
import { expect } from "chai";
import type { EmbeddedLedger } from "../embedded/ledger.js";
import { encodePrivateWrites, keyHashOf } from "../embedded/rwset.js";
import { CODE } from "../embedded/validator.js";
import { Folders, HOLDER, open, REGULATOR } from "../embedded/testing/open.js";
import { call, quietly } from "../embedded/testing/probe.js";
import { rawBlocks } from "./testing/raw-blocks.js";
import { decodeBlock } from "./decode.js";

const COLLECTION = collectionOf(HOLDER);
const options = { chaincode: "quanji", isMember: (name: string) => name === COLLECTION };

describe("fabric: blocks as a peer delivers them", () => {
  const folders = new Folders();
  after(() => folders.clear());

  /** Blocks of a short story, as bytes and as the embedded ledger shows them. */
  async function story() {
    const folder = await folders.make();
    const ledger = await open(folder);
    await ledger.submit(
      quietly([
        ["put", "a", "1"],
        ["putPrivate", COLLECTION, "b", "密"],
        ["policy", "a", [HOLDER]],
        ["emit", "wrote", "payload"],
      ]),
    );
    await ledger.as(REGULATOR).submit(quietly([["putPrivate", "org-ExchangeMSP", "c", "3"]]));
    const conflict = await Promise.allSettled(
      [1, 2].map(() =>
        ledger.submit(
          call([
            ["get", "a"],
            ["put", "x", "2"],
          ]),
        ),
      ),
    );
    expect(conflict).to.have.length(2);
    const shown = [];
    const height = await ledger.height();
    for await (const block of ledger.blocks(0)) if (shown.push(block) === height) break;
    await ledger.close();
    return { shown, raw: await rawBlocks(folder) };
  }

  it("are shown as the embedded ledger shows its own", async () => {
    const { shown, raw } = await story();
    expect(raw.map((message) => decodeBlock(message, options).block)).to.deep.equal(shown);
    expect(raw.flatMap((message) => decodeBlock(message, options).missing)).to.deep.equal([]);
  });

  it("give state, hashes and places, also of collections that are not ours", async () => {
    const { raw } = await story();
    const blocks = raw.map((message) => decodeBlock(message, options));
    expect(blocks.flatMap(({ state }) => state.map(({ key }) => key))).to.include.members(["a", "x"]);
    expect(new Set(blocks.flatMap(({ hashes }) => hashes.map(({ collection }) => collection)))).to.deep.equal(
      new Set([COLLECTION, "org-ExchangeMSP"]),
    );
    for (const { number, places, block } of blocks) {
      expect(places.map((place) => [place.txId, place.block, place.index])).to.deep.equal(
        block.transactions.map(({ txId, index }) => [txId, number, index]),
      );
    }
  });

  it("name the collections whose values the peer lacks, or has other values of", async () => {
    const { raw } = await story();
    const [, block] = raw;
    if (block === undefined) throw new Error("no block");
    const map = block.getPrivateDataMapMap();
    const whole = map.get(0)?.serializeBinary() ?? new Uint8Array();
    map.clear();
    const without = decodeBlock(block, options);
    expect(without.missing).to.deep.equal([{ collection: COLLECTION, keyHash: keyHashOf("b"), index: 0 }]);
    expect(without.block.transactions[0]?.writes).to.deep.equal([{ key: "a", value: "1" }]);
    const other = ledgerProtos.rwset.TxPvtReadWriteSet.deserializeBinary(whole);
    other.getNsPvtRwsetList()[0]?.getCollectionPvtRwsetList()[0]?.setRwset(Buffer.from("forged"));
    map.set(0, other);
    expect(decodeBlock(block, options).missing.map(({ collection }) => collection)).to.deep.equal([COLLECTION]);
  });

  it("show what a peer still has of a write set, and which keys it lacks, after a purge; nothing that the block does not hash", async () => {
    const folder = await folders.make();
    const ledger = await open(folder);
    await ledger.submit(
      quietly([
        ["putPrivate", COLLECTION, "keep", "1"],
        ["putPrivate", COLLECTION, "purge", "2"],
      ]),
    );
    const before = await rawBlocksOf(ledger, folder);
    const again = await open(folder);
    await again.submit(quietly([["purgePrivate", COLLECTION, "purge"]]));
    const [, wrote, purged] = await rawBlocksOf(again, folder);
    const key = { collection: COLLECTION, keyHash: keyHashOf("purge") };
    const trimmed = decodeBlock(wrote!, options);
    expect(trimmed.block.transactions[0]?.writes).to.deep.equal([{ collection: COLLECTION, key: "keep", value: "1" }]);
    expect(trimmed.missing).to.deep.equal([{ ...key, index: 0 }]);
    const marker = decodeBlock(purged!, options);
    expect(marker.block.transactions[0]).to.deep.include({ writes: [], purges: [key] });
    expect([marker.missing, marker.purges]).to.deep.equal([[], [{ ...key, index: 0 }]]);
    expect(marker.hashes).to.deep.equal([{ ...key, valueHash: undefined }]);
    // The values of the other key, under this block's transaction: none of them is one that it hashes.
    const other = wrote!.clone();
    const forged = ledgerProtos.rwset.TxPvtReadWriteSet.deserializeBinary(
      before[1]!.getPrivateDataMapMap().get(0)!.serializeBinary(),
    );
    const [set] = forged.getNsPvtRwsetList()[0]!.getCollectionPvtRwsetList();
    set!.setRwset(encodePrivateWrites([{ key: "keep", value: Buffer.from("7") }]));
    other.getPrivateDataMapMap().set(0, forged);
    const seen = decodeBlock(other, options);
    expect(seen.block.transactions[0]?.writes).to.deep.equal([]);
    expect(seen.missing.map(({ keyHash }) => keyHash)).to.have.members([keyHashOf("keep"), keyHashOf("purge")]);
  });

  async function rawBlocksOf(ledger: EmbeddedLedger, folder: string): Promise<peer.BlockAndPrivateData[]> {
    await ledger.close();
    return rawBlocks(folder);
  }

  /** One envelope in a block with that validation code. */
  function blockOf(envelope: Uint8Array, code: number): peer.BlockAndPrivateData {
    const block = new common.Block();
    const header = new common.BlockHeader();
    header.setNumber(5);
    block.setHeader(header);
    const data = new common.BlockData();
    data.setDataList([envelope]);
    block.setData(data);
    const metadata = new common.BlockMetadata();
    metadata.setMetadataList([new Uint8Array(), new Uint8Array(), Uint8Array.of(code)]);
    block.setMetadata(metadata);
    const message = new peer.BlockAndPrivateData();
    message.setBlock(block);
    return message;
  }

  it("may hold any bytes, as long as those are invalid", () => {
    const garbage = Buffer.from("no envelope at all");
    const { block, places } = decodeBlock(blockOf(garbage, CODE.BAD_PAYLOAD), options);
    expect(block.transactions).to.have.length(1);
    expect(block.transactions[0]).to.include({ valid: false, validationCode: "BAD_PAYLOAD", txId: "" });
    expect(places).to.deep.equal([]);
    expect(() => decodeBlock(blockOf(garbage, CODE.VALID), options)).to.throw("cannot be read");
  });

  it("say nothing about a transaction by a copy of it", async () => {
    const { raw } = await story();
    const copy = raw[1]?.getBlock()?.getData()?.getDataList_asU8()[0] ?? new Uint8Array();
    const { block, places } = decodeBlock(blockOf(copy, CODE.DUPLICATE_TXID), options);
    expect(block.transactions[0]).to.include({ valid: false, validationCode: "DUPLICATE_TXID" });
    expect(block.transactions[0]?.writes).to.deep.equal([]);
    expect(places).to.deep.equal([]);
  });

  it("show transactions of other chaincodes by name, and nothing of what they wrote", async () => {
    const { raw } = await story();
    const [, block] = raw;
    if (block === undefined) throw new Error("no block");
    const { block: shown, state, missing } = decodeBlock(block, { ...options, chaincode: "another" });
    expect(shown.transactions.map(({ name, writes }) => [name, writes])).to.deep.equal([["quanji:probe:run", []]]);
    expect([state, missing]).to.deep.equal([[], []]);
  });
});
