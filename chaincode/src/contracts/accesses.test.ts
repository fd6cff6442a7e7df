import { expect } from "chai";
import { randomUUID } from "node:crypto";
import { parseRecord, type QuanjiRecord } from "../domain/index.js";
import {
  chainStart,
  type ChainKey,
  emptyHead,
  extend,
  hashText,
  parseHash,
  sha256Text,
  verifyCommitment,
} from "../log/index.js";
import { type BatchRecord, privateKeys, type Sealed, type StoredRecord } from "../world/index.js";
import { actor, committed, randomText } from "../testing/actors.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, NET, terms, TestNetwork, URL_BASE } from "../testing/test-network.js";

const RES = "res/weather.daily";
type Batch = { stored: { records: readonly StoredRecord[] }; leaves: readonly string[] };
const parsed = ({ stored }: Batch): readonly QuanjiRecord[] => stored.records.map(parseRecord);

describe("contracts: recordBatch", () => {
  let network: TestNetwork;
  let grant: string;
  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.registerResource("bureau", RES);
    grant = await network.granted("insurer", RES, "bureau", {
      terms: terms({
        quota: { unit: "call", n: 3, per: "P1D" },
        obligations: [{ op: "round", field: "rain", arg: "0.5" }],
      }),
    });
  });
  const access = (change: object = {}) => network.access("insurer", { grant, ...change });

  it("records say what was asked, decided and why, and link to their chains", async () => {
    const batch = await network.record([await access(), await access({ purpose: "marketing" })]);
    const [permit, denial] = parsed(batch);
    expect(permit?.face).to.include({
      type: "access",
      index: 0,
      unit: IDS.insurer,
      steward: IDS.bureau,
      decision: "permit",
    });
    expect(permit?.body).to.deep.include({ rule: "permit", obligations: ["round:rain:0.5"], used: 0, quantity: 1 });
    expect(permit?.body).to.have.property("deliverBefore");
    expect(denial?.body).to.include({ rule: "PURPOSE_OUTSIDE_GRANT", used: 1 });
    expect(denial?.body).not.to.have.property("deliverBefore");
    for (const [kind, id] of [
      ["grant", grant],
      ["party", IDS.insurer],
      ["resource", RES],
    ] as const) {
      const key: ChainKey = { scope: LOG, kind, id };
      let head = emptyHead(key);
      expect(head.h).to.equal(hashText(chainStart(key)));
      batch.stored.records.forEach((record, i) => {
        const body = JSON.parse(record.body) as { id: string; links: Record<string, string> };
        const opening = record.links[`links.${kind}`];
        expect(opening?.value).to.deep.equal({ n: head.n, prev: head.h });
        verifyCommitment(body.links[kind] ?? "", [body.id], `links.${kind}`, opening!);
        head = extend(head, parseHash(batch.leaves[i] ?? ""));
      });
    }
  });

  it("reads in as many rounds for many grants, parties and resources as for one", async () => {
    const other = "res/weather.hourly";
    await network.registerResource("bureau", other);
    const asked = [];
    for (const name of ["insurer", "operator", "stranger"] as const) {
      for (const resource of [RES, other])
        asked.push({ name, resource, id: await network.granted(name, resource, "bureau") });
    }
    const { name: first = "insurer", id: firstGrant } = asked[0] ?? {};
    await network.record([await network.access(first, { grant: firstGrant })]);
    const alone = network.lastEffects?.rounds;
    const accesses = await Promise.all(
      asked.map(({ name, resource, id }) => network.access(name, { grant: id, resource })),
    );
    await network.record(accesses);
    expect(network.lastEffects?.rounds).to.equal(alone);
    expect(alone).to.be.at.most(10);
  });

  it("G2 one signed request counts once: in one batch, and in two", async () => {
    const once = await access();
    await expectRefusal(network.record([once, { ...once, id: randomUUID() }]), "COMMAND_REPLAYED");
    await network.record([once]);
    const error = await expectRefusal(network.record([await access(), once]), "COMMAND_REPLAYED");
    expect(error.record).to.equal(1);
  });

  it("G2 a request for another log, network, URL or typ is refused and never recorded", async () => {
    const cases: readonly (readonly [BatchRecord, Parameters<typeof expectRefusal>[1]])[] = [
      [await access({ log: `${NET}/holder/1` }), "NOT_FOUND"],
      [await access({ net: "quanji.test/other" }), "COMMAND_MISDIRECTED"],
      [await network.access("insurer", { grant }, { url: `${URL_BASE}/v1/access?x=1` }), "COMMAND_MISDIRECTED"],
      [await access({ resource: "res/none" }), "NOT_FOUND"],
      [await access({ mode: "hidden" }), "MALFORMED"],
      [await access({ seq: 5000 }), "MALFORMED"],
      [await network.access("insurer", { grant }, { iat: Math.floor(network.nowMs / 1000) + 121 }), "COMMAND_STALE"],
      [await network.access(actor(IDS.insurer), { grant }), "SIGNATURE_INVALID"],
      [await network.access(actor("91310000MAQJ00335M"), { grant }), "SIGNATURE_INVALID"],
    ];
    for (const [record, code] of cases) await expectRefusal(network.record([record]), code);
    const good = await access();
    if (good.type !== "access") throw new Error("not an access");
    const { signature } = good.request;
    const flipped = {
      ...good,
      request: { ...good.request, signature: (signature[0] === "A" ? "B" : "A") + signature.slice(1) },
    };
    await expectRefusal(network.record([flipped]), "SIGNATURE_INVALID");
    const asVoid = { ...good, type: "void" as const };
    const { openings: _openings, ...voided } = asVoid;
    await expectRefusal(network.record([voided]), "MALFORMED", "TYP_MISMATCH");
    expect(network.log()?.size).to.equal(0);
    await network.record([good]);
  });

  it("openings of a request must match, and only operator and query have any", async () => {
    const good = await access();
    if (good.type !== "access") throw new Error("not an access");
    const wrong = committed(network.actors.insurer.kid, randomUUID(), "operator", "x").openings;
    await expectRefusal(network.record([{ ...good, openings: wrong }]), "MALFORMED", "COMMITMENT_MISMATCH");
    await expectRefusal(network.record([{ ...good, openings: { purpose: wrong["operator"]! } }]), "MALFORMED");
  });

  it("a batch for another head is HEAD_MOVED; another organisation's submitter is ROLE_REQUIRED", async () => {
    const head = network.log();
    await network.record([await access()]);
    const error = await expectRefusal(
      network.record([await access()], { ...(head !== undefined && { head }) }),
      "HEAD_MOVED",
    );
    expect(error.record).to.equal(undefined);
    await expectRefusal(network.record([await access()], { submitterMsp: "ExchangeMSP" }), "ROLE_REQUIRED");
  });

  it("the digest binds the batch's bytes, and its form is strict", async () => {
    const run = (batch: string | undefined, digest: string) =>
      network.run("accesses:recordBatch", JSON.stringify({ log: LOG, size: 0, root: network.log()?.root, digest }), {
        transient: batch === undefined ? {} : { batch },
      });
    const text = JSON.stringify({ nonce: randomText(32), records: [await access()] });
    await expectRefusal(run(text, sha256Text(`${text} `)), "MALFORMED");
    await expectRefusal(run(undefined, sha256Text(text)), "MALFORMED");
    for (const bad of ["{", "{}", '{"nonce":"x","records":[]}', `{"nonce":"${randomText(32)}","records":[]}`]) {
      await expectRefusal(run(bad, sha256Text(bad)), "MALFORMED");
    }
    const foreign = JSON.stringify({
      log: `${NET}/holder/7`,
      size: 0,
      root: network.log()?.root,
      digest: sha256Text(text),
    });
    await expectRefusal(network.run("accesses:recordBatch", foreign, { transient: { batch: text } }), "NOT_FOUND");
    await expectRefusal(network.run("accesses:recordBatch", "nonsense", {}), "MALFORMED");
  });

  it("times are bounded: not in the future, not 30 s old, never before the log's last", async () => {
    const at = async (offsetMs: number) => ({
      ...(await access()),
      time: new Date(network.nowMs + offsetMs).toISOString(),
    });
    await expectRefusal(network.record([await at(1)]), "NOT_RECORDED");
    await expectRefusal(network.record([await at(-30_001)]), "NOT_RECORDED");
    network.nowMs += 60_000;
    const error = await expectRefusal(network.record([await at(-5), await at(-10)]), "NOT_RECORDED");
    expect(error.record).to.equal(1);
    await network.record([await at(-10)]);
    await expectRefusal(network.record([await at(-11)]), "NOT_RECORDED");
  });

  it("G4 a quota holds inside one batch and across batches, and a new window begins it anew", async () => {
    const four = [await access(), await access(), await access(), await access()];
    expect(await network.decide(...four)).to.deep.equal(["permit", "permit", "permit", "QUOTA_EXCEEDED"]);
    expect(await network.decide(await access())).to.deep.equal(["QUOTA_EXCEEDED"]);
    network.nowMs += 86_400_000;
    expect(await network.decide(await access())).to.deep.equal(["permit"]);
  });

  it("a failed delivery gives its quota back, once per record, and only for a real permit", async () => {
    const delivery = (index: number, first: number, outcome: "delivered" | "failed"): BatchRecord => ({
      ...network.item(),
      type: "delivery",
      access: index,
      first,
      bytes: 0,
      digest: sha256Text(""),
      masked: [],
      outcome,
      rows: 0,
    });
    await network.record([await access(), await access(), await access()]);
    expect(await network.decide(await access())).to.deep.equal(["QUOTA_EXCEEDED"]);
    const batch = await network.record([delivery(0, 0, "failed"), delivery(1, 0, "delivered")]);
    const [failed] = parsed(batch);
    expect(failed?.type === "delivery" && failed.body).to.include({ access: 0, outcome: "failed" });
    expect(await network.decide(await access(), await access())).to.deep.equal(["permit", "QUOTA_EXCEEDED"]);
    await expectRefusal(network.record([delivery(3, 3, "failed")]), "NOT_FOUND");
    await expectRefusal(network.record([delivery(99, 99, "failed")]), "NOT_FOUND");
    const count = network.get(`org-HolderMSP\u0000${privateKeys.count(LOG, grant)}`) as
      Sealed<{ quota: { used: number } }> | undefined;
    expect(count?.value.quota.used).to.equal(3);
  });

  it("a void fills a lost number and is refused a second time", async () => {
    const lost = network.nextSeq(network.actors.insurer.kid);
    await network.record([await access()]);
    const voided = async (): Promise<BatchRecord> => ({
      ...network.item(),
      type: "void",
      request: await network.sign("insurer", "access.void", { net: NET, log: LOG, seq: lost }),
    });
    const [record] = parsed(await network.record([await voided()]));
    expect(record?.type === "void" && record.body.seq).to.equal(lost);
    await expectRefusal(network.record([await voided()]), "COMMAND_REPLAYED");
  });

  it("a stranger learns nothing: unknown grants start no chain, foreign grants say NOT_GRANTEE only", async () => {
    const batch = await network.record([
      await network.access("stranger", { grant: randomUUID() }),
      await network.access("stranger", {}),
      await network.access("stranger", { grant, purpose: "anything" }),
    ]);
    const rules = parsed(batch).map((record) =>
      record.type === "access" ? [record.body.rule, record.body.grant] : [],
    );
    expect(rules).to.deep.equal([
      ["GRANT_MISSING", undefined],
      ["GRANT_MISSING", undefined],
      ["NOT_GRANTEE", `${grant}@1`],
    ]);
  });

  it("G8 arguments, result, event and public writes show nothing of what was asked", async () => {
    const before = new Set(network.state.values.keys());
    await network.record([await access()]);
    const effects = network.lastEffects;
    const open = [...(effects?.writes ?? [])].filter(([key]) => !key.startsWith("org-"));
    expect(open.map(([key]) => key)).to.deep.equal([`log/${LOG}`]);
    const text = JSON.stringify([open, effects?.event]);
    for (const secret of [grant, IDS.insurer, RES, "risk.assessment", "desk 7"]) expect(text).not.to.contain(secret);
    expect(before.size).to.be.greaterThan(0);
    const values = [...(effects?.writes ?? [])].filter(([key]) => key.startsWith("org-")).map(([, value]) => value);
    for (const value of values) expect(JSON.parse(value?.split("\n")[0] ?? "")).to.have.property("salt");
    expect(new Set(values).size).to.equal(values.length);
  });
});
