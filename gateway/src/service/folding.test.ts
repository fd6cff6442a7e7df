import { isQuanjiError, stopDigest } from "@quanji/chaincode/domain";
import { canonical } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { expect } from "chai";
import { Harness } from "../http/testing/harness.js";
import { LedgerError, type Ledger } from "../ledger/ledger.js";
import { Folding } from "./folding.js";

describe("service: folding stops", () => {
  let gateway: Harness;
  before(async () => {
    gateway = await Harness.open();
  });
  after(() => gateway.close());

  /** A stop whose gateway died before it could fold it. */
  const stopWithoutFold = async (verb: "grant.suspend" | "grant.revoke"): Promise<string> => {
    const grant = await gateway.granted("insurer");
    const payload = { target: stopDigest(grant), epoch: 1 };
    const { jws } = await gateway.sign("bureau", verb, `/v1/commands/${verb}`, payload);
    const { block } = await gateway.ledger.submit({
      name: TRANSACTIONS.stop,
      args: [canonical({ gateway: "gw" })],
      transient: { command: JSON.stringify(jws), grant },
      endorsers: ["HolderMSP"],
    });
    await gateway.edge.readModel.reached(block);
    return grant;
  };

  const folding = (ledger: Ledger, reports: unknown[] = []) =>
    new Folding({
      ledger,
      readModel: gateway.edge.readModel,
      gateway: "gw",
      patience: { attempts: 1, looks: 1, pause: () => Promise.resolve() },
      report: (error) => reports.push(error),
    });

  const stateOf = async (grant: string): Promise<string | undefined> => {
    await gateway.edge.readModel.reached((await gateway.ledger.height()) - 1);
    return (await gateway.edge.readModel.grant(grant))?.state;
  };

  it("a stop bites before it is folded (G3)", async () => {
    const grant = await stopWithoutFold("grant.revoke");
    expect((await gateway.access("insurer", { grant })).code()).to.equal("GRANT_REVOKED");
  });

  it("a start folds what an earlier run left, and leaves running grants alone", async () => {
    const [suspended, revoked, running] = [
      await stopWithoutFold("grant.suspend"),
      await stopWithoutFold("grant.revoke"),
      await gateway.granted("insurer"),
    ];
    const height = await gateway.ledger.height();
    const work = folding(gateway.ledger);
    await work.foldAll();
    await work.close();
    expect([await stateOf(suspended), await stateOf(revoked), await stateOf(running)]).to.deep.equal([
      "suspended",
      "revoked",
      "active",
    ]);
    expect(await gateway.ledger.height()).to.be.greaterThan(height);
    const after = await gateway.ledger.height();
    await folding(gateway.ledger).foldAll();
    expect(await gateway.ledger.height()).to.equal(after);
  });

  it("folds what the regulator has overtaken, once, and the grant stays as the regulator left it", async () => {
    const grant = await stopWithoutFold("grant.suspend");
    const payload = { target: stopDigest(grant), epoch: 1 };
    const { jws } = await gateway.sign("regulator", "grant.revoke", "/v1/commands/grant.revoke", payload);
    await gateway.ledger.submit({
      name: TRANSACTIONS.grants,
      args: [canonical({ gateway: "gw" })],
      transient: { command: JSON.stringify(jws), grant },
    });
    expect(await stateOf(grant)).to.equal("revoked");
    const chain = async (): Promise<number> => (await gateway.edge.readModel.grant(grant))?.n ?? 0;
    const before = await chain();
    await folding(gateway.ledger).foldAll();
    expect([await stateOf(grant), (await chain()) - before]).to.deep.equal(["revoked", 1]);
    const height = await gateway.ledger.height();
    await folding(gateway.ledger).foldAll();
    expect(await gateway.ledger.height()).to.equal(height);
  });

  it("a stop whose folding was given up is folded when somebody resumes the grant, and then decides who may", async () => {
    const resume = (grant: string) => gateway.command("bureau", "grant.resume", { grant, epoch: 1 });
    const revoked = await stopWithoutFold("grant.revoke");
    expect((await resume(revoked)).code()).to.equal("STATE_CONFLICT");
    expect(await stateOf(revoked)).to.equal("revoked");
    const grant = await stopWithoutFold("grant.suspend");
    expect((await resume(grant)).status).to.equal(200);
    expect(await stateOf(grant)).to.equal("active");
    expect((await gateway.access("insurer", { grant })).status).to.equal(200);
  });

  it("tries on while the ledger is away, and says so when it gives up; it never rejects", async () => {
    const grant = await stopWithoutFold("grant.suspend");
    let failures = 2;
    const flaky = Object.assign(Object.create(gateway.ledger) as Ledger, {
      submit: (transaction: Parameters<Ledger["submit"]>[0]) =>
        failures-- > 0 ? Promise.reject(new LedgerError("UNAVAILABLE", "away")) : gateway.ledger.submit(transaction),
    });
    await folding(flaky).fold(grant);
    expect(await stateOf(grant)).to.equal("suspended");
    const reports: unknown[] = [];
    failures = Number.POSITIVE_INFINITY;
    await folding(flaky, reports).fold(await stopWithoutFold("grant.revoke"));
    expect(reports.map((error) => isQuanjiError(error, "NOT_RECORDED"))).to.deep.equal([true]);
  });
});
