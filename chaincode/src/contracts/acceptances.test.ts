import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { type Outcome, parseRecord, type QuanjiRecord } from "../domain/index.js";
import { sha256Text } from "../log/index.js";
import { type BatchRecord, privateKeys, type StoredRecord } from "../world/index.js";
import { actor } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, type Name, NET, type SendOptions, TestNetwork } from "../testing/test-network.js";

const RES = "res/weather.daily";
const DIGEST = sha256Text("rows");
const parsed = ({ stored }: { stored: { records: readonly StoredRecord[] } }): readonly QuanjiRecord[] =>
  stored.records.map(parseRecord);

describe("contracts: acceptances", () => {
  let network: TestNetwork;
  let grant: string;

  const access = () => network.access("insurer", { grant });
  const delivery = (index: number, outcome: Outcome = "delivered", first = 0): BatchRecord => ({
    ...network.item(),
    type: "delivery",
    access: index,
    first,
    bytes: 40,
    digest: DIGEST,
    masked: [],
    outcome,
    rows: 2,
  });
  /** Of access 0, delivered at 2. */
  const acceptance = async (
    change: object = {},
    where: object = {},
    by: Name | ReturnType<typeof actor> = "insurer",
    options: SendOptions = {},
  ): Promise<Extract<BatchRecord, { type: "acceptance" }>> => ({
    ...network.item(),
    type: "acceptance",
    delivery: 2,
    first: 2,
    request: await network.sign(
      by,
      "access.accept",
      { net: NET, log: LOG, record: 0, digest: DIGEST, rows: 2, ...change },
      options,
    ),
    ...where,
  });

  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.registerResource("bureau", RES);
    grant = await network.granted("insurer", RES, "bureau");
    await network.record([await access(), await access()]);
    await network.record([delivery(0), delivery(1, "failed")]);
  });

  it("say what the delivery says, in the requester's own signed words, and link as their access", async () => {
    const one = await acceptance();
    const batch = await network.record([one]);
    const [record] = parsed(batch);
    expect(record?.face).to.include({ type: "acceptance", index: 4, unit: IDS.insurer, steward: IDS.bureau, count: 1 });
    expect(record?.body).to.deep.include({ access: 0, delivery: 2, digest: DIGEST, rows: 2, grant: `${grant}@1` });
    expect(record?.body).to.deep.include({ requester: network.actors.insurer.kid, resource: `${RES}@1` });
    expect(batch.stored.records[0]?.request).to.deep.equal(one.request);
    for (const kind of ["grant", "party", "resource"] as const) {
      expect(batch.stored.records[0]?.links[`links.${kind}`]?.value).to.include({ n: 4 });
    }
  });

  it("count once a delivery: the same bytes, and other bytes, in one batch and in two", async () => {
    const one = await acceptance();
    await expectRefusal(network.record([one, { ...one, id: randomUUID() }]), "STATE_CONFLICT", "ACCEPTED");
    await network.record([one]);
    await expectRefusal(network.record([{ ...one, id: randomUUID() }]), "STATE_CONFLICT", "ACCEPTED");
    const error = await expectRefusal(network.record([await access(), await acceptance()]), "STATE_CONFLICT");
    expect(error.record).to.equal(1);
  });

  it("come after their delivery", async () => {
    const early = [delivery(1, "delivered"), await acceptance({ record: 1 }, { delivery: 4, first: 4 })];
    await expectRefusal(network.record(early), "NOT_FOUND");
    await expectRefusal(network.record([await acceptance({}, { delivery: 9, first: 9 })]), "NOT_FOUND");
  });

  it("are of the access that was signed for, and of a delivery", async () => {
    await expectRefusal(network.record([await acceptance({ record: 1 })]), "NOT_FOUND");
    await expectRefusal(network.record([await acceptance({}, { delivery: 0, first: 0 })]), "NOT_FOUND");
    await network.record([await acceptance()]);
    await expectRefusal(network.record([await acceptance({}, { delivery: 4, first: 4 })]), "NOT_FOUND");
  });

  it("are the requester's alone, under a key of its own that is in force", async () => {
    await expectRefusal(network.record([await acceptance({}, {}, "bureau")]), "NOT_FOUND");
    await expectRefusal(network.record([await acceptance({}, {}, actor(IDS.insurer))]), "SIGNATURE_INVALID");
    const { thumbprint } = network.party("insurer")?.keys[0] ?? { thumbprint: "" };
    const since = new Date(network.nowMs).toISOString();
    await network.send("insurer", "party.compromiseKey", { net: NET, party: IDS.insurer, thumbprint, since });
    await expectRefusal(network.record([await acceptance()]), "KEY_INVALID");
  });

  it("agree with the delivery, or are refused", async () => {
    const digest = sha256Text("other rows");
    expect((await expectRefusal(network.record([await acceptance({ digest })]), "STATE_CONFLICT")).field).to.equal(
      "digest",
    );
    const rows = await expectRefusal(network.record([await acceptance({ rows: 3 })]), "STATE_CONFLICT");
    expect([rows.field, rows.detail]).to.deep.equal(["rows", "DELIVERY_DIFFERS"]);
    const failed = await acceptance({ record: 1 }, { delivery: 3 });
    await expectRefusal(network.record([failed]), "STATE_CONFLICT", "failed");
  });

  it("are signed for this log, network, command and moment", async () => {
    const url = "https://gw.test/v1/commands/access.void";
    const late = { iat: Math.floor(network.nowMs / 1000) - 121 };
    await expectRefusal(network.record([await acceptance({ log: `${NET}/holder/1` })]), "NOT_FOUND");
    await expectRefusal(network.record([await acceptance({ net: "quanji.test/other" })]), "COMMAND_MISDIRECTED");
    await expectRefusal(network.record([await acceptance({}, {}, "insurer", { url })]), "COMMAND_MISDIRECTED");
    await expectRefusal(network.record([await acceptance({}, {}, "insurer", late)]), "COMMAND_STALE");
    await expectRefusal(network.record([await acceptance({ more: 1 })]), "MALFORMED", "FIELD_UNKNOWN");
    const asked = await access();
    if (asked.type !== "access") throw new Error("not an access");
    const relabelled = { ...(await acceptance()), request: asked.request };
    await expectRefusal(network.record([relabelled]), "MALFORMED", "TYP_MISMATCH");
  });

  it("G8 leave nothing in public, and mark the delivery under a name that nobody can guess", async () => {
    const [record] = parsed(await network.record([await acceptance()]));
    const writes = [...(network.lastEffects?.writes ?? [])];
    const open = writes.filter(([key]) => !key.startsWith("org-"));
    expect(open.map(([key]) => key)).to.deep.equal([`log/${LOG}`]);
    const marked = writes.filter(([key]) => key.includes("accepted/"));
    expect(marked).to.have.length(1);
    const delivered = parsed({ stored: { records: [await stored(2)] } })[0];
    expect(marked[0]?.[0]).to.equal(`org-HolderMSP\u0000${privateKeys.accepted(delivered?.body.id ?? "")}`);
    expect(JSON.parse(marked[0]?.[1] ?? "{}")).to.have.property("salt");
    expect(record?.type).to.equal("acceptance");
  });

  async function stored(index: number): Promise<StoredRecord> {
    const text = network.state.values.get(`org-HolderMSP\u0000${privateKeys.batch(LOG, index)}`) ?? "";
    return Promise.resolve(JSON.parse(text.split("\n")[1] ?? "{}") as StoredRecord);
  }

  it("read in as many rounds for many as for one", async () => {
    for (const _ of [0, 1, 2]) await network.record([await access()]);
    await network.record([delivery(4, "delivered", 4), delivery(5, "delivered", 5), delivery(6, "partial", 6)]);
    await network.record([await acceptance()]);
    const alone = network.lastEffects?.rounds;
    const several = await Promise.all(
      [4, 5, 6].map((record) => acceptance({ record }, { delivery: record + 3, first: 7 })),
    );
    await network.record(several);
    expect(network.lastEffects?.rounds).to.equal(alone);
  });
});
