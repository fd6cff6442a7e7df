import { createPrivateKey } from "node:crypto";
import { encodeError, isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { LedgerError } from "../ledger.js";
import { Unsure } from "./connector.js";
import { PeerDeliverer } from "./delivery.js";
import { DEADLINES, Endpoints } from "./endpoint.js";
import { STATUS } from "./faults.js";
import { GatewayConnector } from "./gateway-connector.js";
import { newCertificate } from "./testing/certificate.js";
import { FakePeer, profileOf } from "./testing/fake-peer.js";
import { Folders, open } from "../embedded/testing/open.js";
import { call } from "../embedded/testing/probe.js";
import { rawBlocks } from "./testing/raw-blocks.js";

const REQUEST = { name: "parties:submit", args: ["{}"], transient: { command: "secret" } };
const unavailable = { code: STATUS.UNAVAILABLE, message: "gone" };

describe("fabric: the connector on fabric-gateway", () => {
  let first: FakePeer;
  let second: FakePeer;
  const folders = new Folders();
  const opened: Endpoints[] = [];
  beforeEach(async () => {
    first = await FakePeer.start("peer0.holder");
    second = await FakePeer.start("peer1.holder");
  });
  afterEach(() => {
    for (const endpoints of opened.splice(0)) endpoints.close();
    first.close();
    second.close();
  });
  after(() => folders.clear());

  async function connect(
    msp = "HolderMSP",
    deadlines = DEADLINES,
  ): Promise<{
    connector: GatewayConnector;
    endpoints: Endpoints;
    profile: Awaited<ReturnType<typeof profileOf>>;
  }> {
    const profile = await profileOf([first, second], msp);
    const endpoints = new Endpoints(profile, deadlines);
    opened.push(endpoints);
    const { topology, chaincode } = profile;
    const connector = new GatewayConnector({
      endpoints,
      channel: topology.channel,
      chaincode,
      msp,
      regulator: topology.regulator,
      orderers: 4,
    });
    return { connector, endpoints, profile };
  }
  const faultOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(() => "no fault").catch((error: unknown) => error);

  it("asks its own organisation and the regulator, or those that are named; of a regulator's nobody in particular", async () => {
    const { connector } = await connect();
    await connector.endorse(REQUEST);
    await connector.endorse({ ...REQUEST, endorsers: ["RegulatorMSP"] });
    await (await connect("RegulatorMSP")).connector.endorse(REQUEST);
    expect(first.heard.map(({ organisations }) => organisations)).to.deep.equal([
      ["HolderMSP", "RegulatorMSP"],
      ["RegulatorMSP"],
      [],
    ]);
  });

  it("hands over the same bytes however often, at whichever peer", async () => {
    const { connector } = await connect();
    first.endorses = "the result";
    const endorsed = await connector.endorse(REQUEST);
    expect(endorsed.result).to.equal("the result");
    await endorsed.broadcast();
    first.submits = unavailable;
    expect(await faultOf(endorsed.broadcast())).to.be.instanceOf(Unsure);
    await endorsed.broadcast();
    const envelopes = [...first.heard, ...second.heard].filter(({ method }) => method === "submit");
    expect(envelopes).to.have.length(3);
    expect(second.heard).to.have.length(1);
    expect(new Set(envelopes.map(({ envelope }) => envelope)).size).to.equal(1);
    expect(new Set(envelopes.map(({ txId }) => txId))).to.deep.equal(new Set([endorsed.txId]));
  });

  it("acts with a renewed certificate from the next call on", async () => {
    const { connector, profile } = await connect();
    const before = profile.identity.current.certificatePem;
    const endorsed = await connector.endorse(REQUEST);
    const { certificate, privateKey } = await newCertificate();
    profile.identity.current = { certificatePem: certificate, key: createPrivateKey(privateKey) };
    await connector.endorse(REQUEST);
    await endorsed.broadcast();
    expect(first.heard.map(({ method, creator }) => [method, creator])).to.deep.equal([
      ["endorse", before],
      ["endorse", certificate],
      ["submit", undefined],
    ]);
  });

  it("goes on at its other peer where one cannot be reached, and stays there", async () => {
    const { connector } = await connect();
    first.endorses = unavailable;
    await connector.endorse(REQUEST);
    await connector.endorse(REQUEST);
    expect([first.heard.length, second.heard.length]).to.deep.equal([1, 2]);
  });

  it("connects again by itself: a peer that is back is used when the other goes", async () => {
    const { connector } = await connect();
    first.close();
    await connector.endorse(REQUEST);
    second.endorses = unavailable;
    first.endorses = unavailable;
    const error = await faultOf(connector.endorse(REQUEST));
    expect((error as LedgerError).fault).to.equal("UNAVAILABLE");
    second.endorses = "endorsed";
    await connector.endorse(REQUEST);
  });

  it("never leaves a peer for a refusal of the chaincode, whose parts it keeps", async () => {
    const { connector } = await connect();
    const message = `chaincode response 500, ${encodeError(new QuanjiError("NOT_FOUND", "no such log", { field: "log" }))}`;
    const details = ["HolderMSP", "RegulatorMSP"].map((msp) => ({ name: "peer", msp, message }));
    first.endorses = { code: STATUS.ABORTED, message: "failed to collect", details };
    const error = await faultOf(connector.endorse(REQUEST));
    expect((error as LedgerError).fault).to.equal("REFUSED");
    const { cause } = error as LedgerError;
    expect(isQuanjiError(cause, "NOT_FOUND") && cause.field).to.equal("log");
    expect(second.heard).to.deep.equal([]);
  });

  it("waits no longer than its deadline", async () => {
    const { connector } = await connect("HolderMSP", { ...DEADLINES, endorseMs: 200 });
    first.endorses = undefined;
    await connector.endorse(REQUEST); // at the second peer, after the first one's deadline
    expect(second.heard).to.have.length(1);
  });

  it("evaluates at its own peers, and says what the chaincode refused", async () => {
    const { connector } = await connect();
    expect(await connector.evaluate(REQUEST)).to.equal("evaluated");
    expect(first.heard[0]?.organisations).to.deep.equal(["HolderMSP"]);
    const message = `evaluate call to endorser returned error: chaincode response 500, ${encodeError(new QuanjiError("MALFORMED", "no"))}`;
    first.evaluates = { code: STATUS.UNKNOWN, message };
    const error = await faultOf(connector.evaluate(REQUEST));
    expect((error as LedgerError).fault).to.equal("REFUSED");
    expect(isQuanjiError((error as LedgerError).cause, "MALFORMED")).to.equal(true);
  });

  it("delivers blocks with their private values until it is closed", async () => {
    const folder = await folders.make();
    const ledger = await open(folder);
    await ledger.submit(call([["putPrivate", "org-HolderMSP", "a", "1"]]));
    await ledger.close();
    first.blocks = await rawBlocks(folder);
    const { endpoints } = await connect();
    const delivery = await new PeerDeliverer(endpoints, { chaincode: "quanji", isMember: () => true }).open(0);
    expect((await delivery.next())?.number).to.equal(0);
    expect((await delivery.next())?.block.transactions[0]?.writes).to.deep.equal([
      { collection: "org-HolderMSP", key: "a", value: "1" },
    ]);
    const next = delivery.next();
    delivery.close();
    expect(await next).to.equal(undefined);
    expect(endpoints.inUse.name).to.equal("peer0.holder", "a close is no failure of the peer");
  });

  it("opens the next delivery at the other peer when one breaks", async () => {
    const { endpoints } = await connect();
    const deliverer = new PeerDeliverer(endpoints, { chaincode: "quanji", isMember: () => true });
    const delivery = await deliverer.open(0);
    const next = faultOf(delivery.next());
    first.close();
    expect(await next).to.be.instanceOf(Error);
    expect(endpoints.inUse.name).to.equal("peer1.holder");
  });
});
