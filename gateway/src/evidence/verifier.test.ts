import { instant, recordLeaf } from "@quanji/chaincode/domain";
import { canonical, hashText } from "@quanji/chaincode/log";
import { openTrust, type OpenedTrust, type Verdict, verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { LOG, MSP, RESOURCE, START, Story } from "../readmodel/story.test.js";
import { Bench } from "../readmodel/support.test.js";
import { makeReceipt } from "./receipt.js";
import { contextOf, trailText } from "./support.test.js";
import type { TrailQuery } from "./trail-plan.js";
import { makeTrust } from "./trust.js";

const HOUR = 3_600_000;

describe("what the gateway makes, the offline verifier accepts", () => {
  const bench = new Bench();
  let story: Story;
  let index: LedgerIndex;
  let trust: OpenedTrust;
  let grant: string;
  let child: string;
  let context: ReturnType<typeof contextOf>;

  before(async () => {
    story = new Story();
    grant = await story.prepare();
    child = await story.derive(grant);
    await story.freeze({ kind: "resource", id: "res/other" });
    story.pass(HOUR);
    const { first } = await story.record([
      await story.access({ grant }),
      await story.access({ grant, purpose: "marketing" }),
      await story.access({ grant }),
    ]);
    await story.record([story.delivery(first, first), story.delivery(first + 2, first, "failed")]);
    story.pass(HOUR);
    await story.record([await story.access({ grant: child, by: story.operator }), await story.void(story.bank)]);
    await story.stop(story.bureau, "grant.revoke", grant);
    story.pass(1000);
    await story.record([await story.access({ grant }), await story.access({ grant: child, by: story.operator })]);
    await story.fold(grant);
    story.pass(HOUR);
    await story.record([await story.access({ grant }), await story.access({})]);
    story.pass(1000);
    index = await bench.upToDate(story.ledger);
    context = contextOf(story, index);
    const file = await makeTrust({
      index,
      ledger: story.ledger,
      organisations: {
        RegulatorMSP: { name: "regulator", roots: [] },
        [MSP]: { name: "holder", roots: [] },
        ExchangeMSP: { name: "exchange", roots: [] },
      },
      heads: { key: story.heads.key, msp: MSP },
      expires: "2027-03-02T00:00:00.000Z",
      signers: [{ kid: story.regulator.kid, jwk: story.regulator.jwk, sign: story.regulator.sign }],
      threshold: 1,
      witnesses: [],
      quorum: 0,
    });
    trust = await openTrust(canonical(file, { maxBytes: 1_000_000, maxDepth: 8 }), { now: story.ledger.now });
  });
  after(() => bench.clean());

  const regulator = () => ({ party: story.regulator.party, regulator: true });
  const verdict = async (query: TrailQuery, audience = regulator()): Promise<Verdict> =>
    verifyTrail(await trailText(context, query, audience), trust);

  function expectOk(found: Verdict): void {
    expect(found, JSON.stringify(found)).to.include({ ok: true, singleOperator: true });
  }

  it("receipts of every record, for every reader", async () => {
    const { size } = (await index.log(LOG))!;
    const readers = [story.bank, story.bureau, story.operator].map(({ party }) => ({ party, regulator: false }));
    for (let i = 0; i < size; i++) {
      const record = (await index.record(LOG, i))!;
      for (const audience of [regulator(), ...readers]) {
        expectOk(await verifyReceipt(await makeReceipt(context, record, audience), trust));
      }
    }
  });

  it("the regulator's trail of the resource, every decision replayed", async () => {
    const found = await verdict({ kind: "resource", id: RESOURCE });
    expectOk(found);
    expect(found).to.include({ records: 10, permitted: 3, denied: 5 });
  });

  it("the owner's trail of the resource, though it may not read the sub-grant", async () => {
    expectOk(await verdict({ kind: "resource", id: RESOURCE }, { party: story.bureau.party, regulator: false }));
  });

  it("the trails of grant, sub-grant and each party, for those whom they concern", async () => {
    const as = (party: string) => ({ party, regulator: false });
    expectOk(await verdict({ kind: "grant", id: grant }, as(story.bureau.party)));
    expectOk(await verdict({ kind: "grant", id: grant }, as(story.bank.party)));
    expectOk(await verdict({ kind: "grant", id: child }, as(story.bank.party)));
    expectOk(await verdict({ kind: "grant", id: child }, as(story.operator.party)));
    for (const { party } of [story.bank, story.operator, story.bureau])
      expectOk(await verdict({ kind: "party", id: party }, as(party)));
  });

  it("trails of periods: in the middle, up to the end, before all and after all", async () => {
    const periods: readonly (readonly [number | undefined, number | undefined])[] = [
      [START + 2 * HOUR, START + 3 * HOUR],
      [START + HOUR + 1, undefined],
      [undefined, START + 2 * HOUR],
      [START, START + 1],
      [START + 3 * HOUR + 2000, undefined],
    ];
    for (const [from, to] of periods) {
      const period = {
        ...(from !== undefined && { from: instant(from) }),
        ...(to !== undefined && { to: instant(to) }),
      };
      expectOk(await verdict({ kind: "resource", id: RESOURCE, ...period }));
    }
  });

  it("and says of the time up to which a trail is complete what the look at the ledger saw", async () => {
    const { completeThrough } = await verdict({ kind: "grant", id: grant });
    expect(completeThrough).to.equal(instant(Math.floor(story.ledger.now / 1000) * 1000));
  });

  it("but not a trail of which a record was taken away", async () => {
    const lines = (await trailText(context, { kind: "resource", id: RESOURCE }, regulator())).split("\n");
    const second = lines.map((line, i) => (line.includes('"t":"record"') ? i : -1)).filter((i) => i >= 0)[1];
    const found = await verifyTrail(lines.filter((_, i) => i !== second).join("\n"), trust);
    expect(found).to.include({ ok: false, code: "TRAIL_INCOMPLETE" });
  });

  describe("after an erasure", () => {
    let request: string;

    before(async () => {
      const { stored, first } = (await index.record(LOG, 0))!;
      const { id } = JSON.parse(stored.body) as { id: string };
      const erased = await story.erase(story.bureau, [{ id, index: 0 }], first);
      ({ request } = erased);
      await index.reached(erased.block);
    });

    for (const [kind, id] of [
      ["resource", () => RESOURCE],
      ["grant", () => grant],
      ["party", () => story.bank.party],
    ] as const) {
      it(`the regulator's trail of a ${kind} is whole, and names the command`, async () => {
        const found = await verdict({ kind, id: id() });
        expectOk(found);
        expect(found.erased).to.deep.equal([
          { command: request, by: story.bureau.party, time: found.erased?.[0]?.time, basis: "request", fields: 1 },
        ]);
        const text = await trailText(context, { kind, id: id() }, regulator());
        expect(text.match(/"e":\["operator"\]/g)).to.have.length(1);
        expect(text).to.contain('"operator":{"salt"');
      });
    }

    it("nobody else's trail opens what requests committed to, nor shows who erased what", async () => {
      for (const { party } of [story.bank, story.bureau]) {
        const text = await trailText(context, { kind: "grant", id: grant }, { party, regulator: false });
        expect(text).not.to.match(/"operator":\{|"e":|"kind":"openings"/);
        expectOk(await verifyTrail(text, trust));
      }
    });

    it("the receipt names it to the regulator and to who gave the command, and to nobody else", async () => {
      const record = (await index.record(LOG, 0))!;
      const told = async (party: string, isRegulator: boolean) => {
        const found = await verifyReceipt(await makeReceipt(context, record, { party, regulator: isRegulator }), trust);
        expectOk(found);
        return found.erased?.map(({ command }) => command);
      };
      expect(await told(story.regulator.party, true)).to.deep.equal([request]);
      expect(await told(story.bureau.party, false)).to.deep.equal([request]);
      expect(await told(story.bank.party, false)).to.equal(undefined);
    });
  });

  describe("under an order that seals", () => {
    let order: string;
    let until: string;
    const bureau = () => ({ party: story.bureau.party, regulator: false });
    const bank = () => ({ party: story.bank.party, regulator: false });

    before(async () => {
      const leaves = await Promise.all(
        [0, 3].map(async (at) => hashText(recordLeaf((await index.record(LOG, at))!.stored))),
      );
      until = instant(story.ledger.now + HOUR);
      const batch = (await index.record(LOG, 3))!.first;
      const sealed = await story.seal(
        [
          { index: 0, leaf: leaves[0]! },
          { index: 3, leaf: leaves[1]! },
        ],
        [0, batch],
        until,
      );
      ({ order } = sealed);
      await index.reached(sealed.block);
    });

    const entriesOf = (text: string): number => text.split("\n").filter((line) => line.includes('"t":"sealed"')).length;

    for (const [kind, id] of [
      ["resource", () => RESOURCE],
      ["grant", () => grant],
    ] as const) {
      it(`its owner's trail of a ${kind} counts what is hidden, and verifies`, async () => {
        const text = await trailText(context, { kind, id: id() }, bureau());
        expect(entriesOf(text)).to.equal(2);
        const found = await verifyTrail(text, trust);
        expectOk(found);
        expect(found.sealed).to.deep.equal([
          { order, authority: "inspectorate", by: story.regulator.party, until, entries: 2 },
        ]);
        expect(found.records).to.equal((await verdict({ kind, id: id() })).records);
      });
    }

    it("the regulator and the requester see all of it", async () => {
      for (const audience of [regulator(), bank()]) {
        expect(entriesOf(await trailText(context, { kind: "grant", id: grant }, audience))).to.equal(0);
      }
      expect(entriesOf(await trailText(context, { kind: "party", id: story.bank.party }, bank()))).to.equal(0);
    });

    it("a period that would begin or end at a hidden record begins or ends beside it", async () => {
      const times = await Promise.all(
        [0, 1, 3, 4].map(
          async (at) => (JSON.parse((await index.record(LOG, at))!.stored.body) as { time: string }).time,
        ),
      );
      for (const from of times) {
        for (const to of [...times, undefined].filter((end) => end === undefined || end > from)) {
          const query = { kind: "resource" as const, id: RESOURCE, from, ...(to !== undefined && { to }) };
          expectOk(await verdict(query, bureau()));
        }
      }
    });

    it("is over at its time: then everything is shown again, and matches", async () => {
      const now = story.ledger.now;
      story.pass(HOUR);
      expect(entriesOf(await trailText(context, { kind: "resource", id: RESOURCE }, bureau()))).to.equal(0);
      story.pass(now - story.ledger.now);
    });

    it("is over when it is lifted", async () => {
      const { block } = await story.unseal(order);
      await index.reached(block);
      const text = await trailText(context, { kind: "resource", id: RESOURCE }, bureau());
      expect(entriesOf(text)).to.equal(0);
      expectOk(await verifyTrail(text, trust));
      const found = await verdict({ kind: "resource", id: RESOURCE });
      expectOk(found);
      expect(found).not.to.have.property("sealed");
    });
  });
});
