import { Receipt, type RecordType, splitRecordText } from "@quanji/chaincode/domain";
import {
  type FlattenedJws,
  formatTlogProof,
  parseAnswerJws,
  parseNote,
  parseTlogProof,
  requestOfJws,
  thumbprint,
  thumbprintOf,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { LOG, OTHER_LOG, Story } from "../readmodel/story.test.js";
import { Bench, expectCode } from "../readmodel/support.test.js";
import { makeReceipt } from "./receipt.js";
import { assertProven, contextOf, verify } from "./support.test.js";

describe("receipts", () => {
  const bench = new Bench();
  let story: Story;
  let index: LedgerIndex;
  let child: string;
  let context: ReturnType<typeof contextOf>;

  before(async () => {
    story = new Story();
    const grant = await story.prepare();
    child = await story.derive(grant);
    const { first } = await story.record([
      await story.access({ grant }),
      await story.access({ grant, purpose: "marketing" }),
      await story.access({ grant: child, by: story.operator }),
      await story.void(story.bank),
      await story.access({ grant: story.uuid() }),
    ]);
    await story.record([story.delivery(first, first)]);
    index = await bench.upToDate(story.ledger);
    context = contextOf(story, index);
  });
  after(() => bench.clean());

  const regulator = () => ({ party: story.regulator.party, regulator: true });
  const party = (id: string) => ({ party: id, regulator: false });
  const open = (jws: FlattenedJws): Receipt =>
    Receipt.parse(parseAnswerJws(jws, { maxBytes: 65536, maxDepth: 12 }).payload);
  const receiptOf = async (record: number, audience = regulator()): Promise<Receipt> =>
    open(await makeReceipt(context, (await index.record(LOG, record))!, audience));

  it("are signed by the gateway, with the type of a receipt", async () => {
    const jws = await makeReceipt(context, (await index.record(LOG, 0))!, regulator());
    const parsed = parseAnswerJws(jws, { maxBytes: 65536, maxDepth: 12 });
    expect(parsed.header).to.deep.equal({ alg: "EdDSA", kid: context.gateway.kid, typ: "quanji-receipt+jws" });
    expect(await verify(story.gateway.jwk, parsed.signingInput, parsed.signature)).to.equal(true);
  });

  it("of every type prove the record under a checkpoint of its log, in the form of a proof file", async () => {
    const types: RecordType[] = [];
    for (let i = 0; i < 6; i++) {
      const record = (await index.record(LOG, i))!;
      types.push(record.type);
      const { proof, record: text, block, index: position, txId } = await receiptOf(i);
      await assertProven(proof, splitRecordText(text), LOG, story);
      expect({ block, index: position, txId }).to.deep.equal({
        block: record.block,
        index: record.index,
        txId: record.txId,
      });
      const parsed = parseTlogProof(proof);
      expect(formatTlogProof({ ...parsed, note: parseNote(proof.slice(proof.indexOf("\n\n") + 2)) })).to.equal(proof);
    }
    expect(types).to.deep.equal(["access", "access", "access", "void", "access", "delivery"]);
  });

  it("carry the requester's own request and the key that signed it", async () => {
    for (const i of [0, 2, 3]) {
      const { request, keys, record } = await receiptOf(i);
      const body = JSON.parse(splitRecordText(record).body) as { request: string; requester: string };
      expect(requestOfJws(request)).to.equal(body.request);
      expect(thumbprint(keys.requester as typeof story.bank.jwk)).to.equal(thumbprintOf(body.requester));
    }
  });

  it("of a delivery carry the request of its access", async () => {
    expect((await receiptOf(5)).request).to.deep.equal((await receiptOf(0)).request);
  });

  it("state 200 for what was permitted, and the code's status for a denial", async () => {
    const statuses = await Promise.all([0, 1, 3, 5].map(async (i) => (await receiptOf(i)).status));
    expect(statuses).to.deep.equal([200, 403, 200, 200]);
  });

  it("of one batch share one checkpoint, and are the same whenever they are asked for", async () => {
    const checkpointOf = async (i: number) => (await receiptOf(i)).proof.split("\n\n")[1];
    const [first, last] = [await receiptOf(0), await checkpointOf(4)];
    expect(await checkpointOf(0)).to.equal(last);
    expect(await checkpointOf(5)).to.not.equal(last);
    await story.record([await story.access({ grant: child, by: story.operator })]);
    await index.reached(story.ledger.made.length - 1);
    expect(await receiptOf(0)).to.deep.equal(first);
  });

  it("are refused for the log of another gateway", async () => {
    const record = (await index.record(LOG, 0))!;
    await expectCode(makeReceipt({ ...context, logs: [] }, record, regulator()), "NOT_FOUND");
    await expectCode(makeReceipt(context, { ...record, log: OTHER_LOG }, regulator()), "NOT_FOUND");
  });

  const openings = async (record: number, id: string): Promise<string[]> =>
    Object.keys((await receiptOf(record, party(id))).openings).sort();

  it("give the regulator all links, and who operated; nobody else learns that", async () => {
    const { openings: all } = await receiptOf(0);
    expect(Object.keys(all).sort()).to.deep.equal(["links.grant", "links.party", "links.resource", "operator"]);
    expect(all["operator"]?.value).to.equal("desk 4");
    for (const { party: id } of [story.bank, story.bureau, story.operator]) {
      expect((await receiptOf(0, party(id))).openings).not.to.have.property("operator");
    }
  });

  it("G8 a requester cannot learn from its receipt how often others use the resource", async () => {
    expect(await openings(0, story.bank.party)).to.deep.equal(["links.grant", "links.party"]);
    expect(await openings(2, story.operator.party)).to.deep.equal(["links.grant", "links.party"]);
    expect(await openings(4, story.bank.party)).to.deep.equal(["links.party"]);
    expect(await openings(3, story.bank.party)).to.deep.equal(["links.party"]);
  });

  it("G8 a steward learns the resource's chain, and the grant's only where it granted itself", async () => {
    expect(await openings(0, story.bureau.party)).to.deep.equal(["links.grant", "links.resource"]);
    expect(await openings(2, story.bureau.party)).to.deep.equal(["links.resource"]);
    expect(await openings(2, story.bank.party)).to.deep.equal(["links.grant"]);
    expect(await openings(0, story.operator.party)).to.deep.equal([]);
  });
});
