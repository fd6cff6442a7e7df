import { expect } from "chai";
import { type AccessBody, parseRecord } from "../domain/index.js";
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
});
