import { expect } from "chai";
import { type AccessBody, parseIndexRecord, parseRecord } from "../domain/index.js";
import type { BatchRecord } from "../world/index.js";
import { expectRefusal } from "../testing/expect.js";
import { LOG, NET, TestNetwork } from "../testing/test-network.js";

const ABOUT = "res/weather.daily";
const ALICE = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const BOB = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const DIGEST = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

describe("contracts: subjects", () => {
  let network: TestNetwork;
  let grant: string;

  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.registerResource("bureau", ABOUT, { subjectKind: "person" });
    grant = await network.granted("insurer", ABOUT, "bureau");
  });

  const bodies = async (...records: readonly BatchRecord[]): Promise<readonly AccessBody[]> =>
    (await network.record(records)).stored.records.map((one) => parseRecord(one).body as AccessBody);
  const delivery = (access: number, first: number): BatchRecord => ({
    ...network.item(),
    type: "delivery",
    access,
    first,
    bytes: 0,
    digest: DIGEST,
    masked: [],
    outcome: "delivered",
    rows: 1,
  });
  const acceptance = async (at: number, change: object = {}): Promise<BatchRecord> => ({
    ...network.item(),
    type: "acceptance",
    delivery: at,
    first: at,
    request: await network.sign("insurer", "access.accept", {
      net: NET,
      log: LOG,
      record: 0,
      digest: DIGEST,
      rows: 1,
      ...change,
    }),
  });

  it("stand in the access as its requester signed them, permitted or denied; who names none uses in bulk", async () => {
    const asked = [
      await network.access("insurer", { grant, subjects: [ALICE, BOB] }),
      await network.access("insurer", { subjects: [BOB] }),
      await network.access("insurer", { grant }),
    ];
    const [permit, denial, bulk] = await bodies(...asked);
    expect([permit?.subjects, permit?.rule]).to.deep.equal([[ALICE, BOB], "permit"]);
    expect([denial?.subjects, denial?.rule]).to.deep.equal([[BOB], "GRANT_MISSING"]);
    expect(bulk?.subjects).to.equal("bulk");
  });

  it("are repeated by the delivery and countersigned by the acceptance, or it is none", async () => {
    await network.record([await network.access("insurer", { grant, subjects: [ALICE] })]);
    expect((await bodies(delivery(0, 0)))[0]?.subjects).to.deep.equal([ALICE]);
    for (const subjects of [undefined, [BOB], [ALICE, BOB]]) {
      const wrong = await acceptance(1, subjects === undefined ? {} : { subjects });
      await expectRefusal(network.record([wrong]), "STATE_CONFLICT", "DELIVERY_DIFFERS");
    }
    expect((await bodies(await acceptance(1, { subjects: [ALICE] })))[0]?.subjects).to.deep.equal([ALICE]);
  });

  it("are rising, each once, each 32 bytes, and of a resource that is about somebody", async () => {
    const wrong = [[BOB, ALICE], [ALICE, ALICE], [], ["x"], ["A".repeat(42) + "B"], "bulk", { count: 1, tag: ALICE }];
    for (const subjects of wrong) {
      const access = await network.access("insurer", { grant, seq: 0, ...({ subjects } as object) });
      await expectRefusal(network.record([access]), "MALFORMED");
    }
    await network.registerResource("bureau", "res/weather.hourly", { subjectKind: "none" });
    const nobody = await network.access("insurer", { resource: "res/weather.hourly", seq: 0, subjects: [ALICE] });
    await expectRefusal(network.record([nobody]), "MALFORMED");
    expect(
      (await bodies(await network.access("insurer", { resource: "res/weather.hourly", seq: 0 })))[0],
    ).not.to.have.property("subjects");
  });

  describe("are indexed", () => {
    const EMPTY = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    const index = (before: number, change: object = {}): BatchRecord => ({
      ...network.item(),
      type: "index",
      before,
      first: 0,
      root: ALICE,
      size: 1,
      seed: BOB,
      ...change,
    });
    const recorded = async (item: BatchRecord) => {
      const { stored, leaves } = await network.record([item]);
      const [kept] = stored.records;
      const { face, body } = parseIndexRecord(kept!);
      return { kept, leaf: leaves[0], face, body };
    };

    it("by records that follow on each other, say how far they reach, and show nobody's count", async () => {
      await network.record([await network.access("insurer", { grant, subjects: [ALICE] })]);
      network.nowMs += 1_000;
      const first = await recorded(index(1));
      const { time } = first.body;
      expect(first.body).to.deep.include({ from: 0, to: 1, day: "2026-03-02", size: 1, root: ALICE, through: time });
      expect(first.body).not.to.have.property("prev");
      expect(first.kept).to.deep.include({ links: {}, seed: BOB });
      expect(JSON.stringify([first.face, first.body])).not.to.include(BOB);
      const between = await network.access("insurer", { grant, subjects: [BOB] });
      await network.record([between]);
      network.nowMs += 1_000;
      await network.record([await network.access("insurer", { grant, subjects: [BOB] })]);
      const second = await recorded(index(3, { first: 2 }));
      expect(second.body).to.deep.include({ from: 1, to: 3, prev: first.leaf, through: between.time });
      const empty = await recorded(index(3, { size: 0, root: EMPTY }));
      expect(empty.body).to.deep.include({ from: 3, to: 3, prev: second.leaf, through: between.time });
    });

    it("once, within what is there, and of no more tags than the records can name", async () => {
      await network.record([await network.access("insurer", { grant, subjects: [ALICE] })]);
      await expectRefusal(network.record([index(2)]), "STATE_CONFLICT", "INDEX_OVERLAP");
      await expectRefusal(network.record([index(1, { size: 65 })]), "MALFORMED");
      await expectRefusal(network.record([index(1, { size: 0 })]), "MALFORMED");
      await expectRefusal(network.record([index(1, { root: EMPTY })]), "MALFORMED");
      await expectRefusal(network.record([index(1, { first: 7 })]), "NOT_FOUND");
      await expectRefusal(
        network.record([index(1), index(0, { size: 0, root: EMPTY })]),
        "STATE_CONFLICT",
        "INDEX_OVERLAP",
      );
      await network.record([index(1), index(1, { size: 0, root: EMPTY })]);
      await expectRefusal(network.record([index(0, { size: 0, root: EMPTY })]), "STATE_CONFLICT", "INDEX_OVERLAP");
    });

    it("are read strictly", async () => {
      const { kept } = await recorded(index(0, { size: 0, root: EMPTY }));
      const { face, body } = kept!;
      const parse = (change: { readonly face?: string; readonly body?: string }) => () =>
        parseIndexRecord({ face, body, ...change });
      expect(parse({})).not.to.throw();
      expect(parse({ face: face.replace("record.v1", "record.v2") })).to.throw("version");
      expect(parse({ face: face.replace('"index","v"', '"tally","v"') })).to.throw("no index");
      expect(parse({ body: body.replace('"to":0', '"to":0,"x":1') })).to.throw();
      expect(parse({ body: body.replace('"to":0', '"to":1') })).to.throw("contradict");
      expect(parse({ body: ` ${body}` })).to.throw();
      await expectRefusal(network.record([delivery(0, 0)]), "NOT_FOUND");
    });
  });
});
