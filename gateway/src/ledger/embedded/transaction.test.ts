import { common } from "@hyperledger/fabric-protos";
import { expect } from "chai";
import fc from "fast-check";
import { keyHashOf } from "./rwset.js";
import { parseTransaction } from "./transaction.js";
import { Workbench } from "./testing/attack.js";
import { Folders, HOLDER, REGULATOR } from "./testing/open.js";

describe("envelopes", () => {
  const folders = new Folders();
  let envelope: Uint8Array;

  before(async () => {
    const bench = await Workbench.open(await folders.make());
    const transaction = bench.craft({
      client: HOLDER,
      endorsers: [REGULATOR, HOLDER],
      rwset: {
        reads: [{ key: "a", version: { block: 3, tx: 1 } }],
        writes: [{ key: "a", value: Buffer.from("1") }],
        collections: [
          {
            name: "org-HolderMSP",
            reads: [{ keyHash: keyHashOf("k"), version: undefined }],
            writes: [],
            privateHash: undefined,
          },
        ],
      },
    });
    envelope = transaction.envelope;
    const read = parseTransaction(envelope);
    if (typeof read === "string") throw new Error(read);
    expect({ ...read, rwset: undefined, endorsements: undefined }).to.deep.equal({
      ...transaction,
      args: [],
      rwset: undefined,
      endorsements: undefined,
      creator: new Uint8Array(read.creator),
      nonce: new Uint8Array(read.nonce),
      payload: read.payload,
      signature: read.signature,
      response: read.response,
      envelope: read.envelope,
    });
    await bench.close();
  });
  after(() => folders.clear());

  it("are refused, or read to exactly their bytes, whichever byte is changed, dropped or added", () => {
    const mutation = fc.record({
      at: fc.nat({ max: envelope.length - 1 }),
      kind: fc.constantFrom("change", "drop", "add"),
      byte: fc.nat({ max: 255 }),
    });
    fc.assert(
      fc.property(mutation, ({ at, kind, byte }) => {
        const bytes = Buffer.from(envelope);
        const tail = bytes.subarray(kind === "add" ? at : at + 1);
        const mutated = Buffer.concat([
          bytes.subarray(0, at),
          kind === "drop" ? Buffer.alloc(0) : Buffer.of(byte),
          tail,
        ]);
        const read = parseTransaction(mutated);
        if (typeof read === "string") return;
        const again = new common.Envelope();
        again.setPayload(read.payload);
        again.setSignature(read.signature);
        expect(Buffer.from(again.serializeBinary()).equals(mutated)).to.equal(true);
      }),
      { numRuns: 400 },
    );
  });

  it("are refused with bytes after the end, and if they are no protobuf", () => {
    expect(parseTransaction(Buffer.concat([envelope, Buffer.from([0x28, 1])]))).to.equal(
      "INVALID_ENDORSER_TRANSACTION",
    );
    expect(parseTransaction(Buffer.from([0xff]))).to.be.a("string");
    expect(parseTransaction(new Uint8Array())).to.be.a("string");
  });

  it("with an id that is not that of nonce and creator are BAD_PROPOSAL_TXID", () => {
    const text = Buffer.from(envelope).toString("latin1");
    const read = parseTransaction(envelope);
    if (typeof read === "string") throw new Error(read);
    const renamed = text.replace(
      read.txId,
      read.txId.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
    );
    expect(parseTransaction(Buffer.from(renamed, "latin1"))).to.equal("BAD_PROPOSAL_TXID");
  });
});
