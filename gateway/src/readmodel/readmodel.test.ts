import { stopDigest } from "@quanji/chaincode/domain";
import { inclusionProof, parseHash, sealedDigest, verifyInclusion } from "@quanji/chaincode/log";
import { privateScope } from "@quanji/chaincode/world";
import { recordLeaf } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { LedgerIndex } from "./ledger-index.js";
import { COLLECTION, LOG, MSP, NET, OTHER_LOG, RESOURCE, START, Story } from "./story.test.js";
import { Bench, collect, expectCode } from "./support.test.js";

const partyKey = (party: string, scope = LOG) => ({ scope, kind: "party" as const, id: party });
const requestsOf = (known: readonly { readonly stored: { readonly entry: string } }[]) =>
  known.map(({ stored }) => (JSON.parse(stored.entry) as { request: string }).request);
const verbsOf = (known: readonly { readonly stored: { readonly entry: string } }[]) =>
  known.map(({ stored }) => (JSON.parse(stored.entry) as { verb: string }).verb);

describe("the read model", () => {
  const bench = new Bench();
  let story: Story;
  let grant: string;
  let index: LedgerIndex;

  const catchUp = (): Promise<void> => index.reached(story.ledger.made.length - 1);

  before(async () => {
    story = new Story();
    grant = await story.prepare();
    index = await bench.upToDate(story.ledger);
  });
  after(() => bench.clean());

  it("answers the network, its gateways and logs", async () => {
    expect((await index.network())?.net).to.equal(NET);
    expect((await index.gateways()).map(({ name }) => name)).to.deep.equal(["gw"]);
    expect((await index.gateway("gw"))?.msp).to.equal(MSP);
    expect((await index.logs()).map(({ origin }) => origin)).to.deep.equal([LOG, OTHER_LOG]);
    expect((await index.log(LOG))?.size).to.equal(0);
    expect(await index.log("another/gw/0")).to.equal(undefined);
    expect(await index.clockOffsetMs()).to.equal(0);
  });

  it("answers parties, resources, lists and their cells", async () => {
    expect((await index.party(story.bank.party))?.state).to.equal("active");
    expect((await index.resource(RESOURCE))?.steward).to.equal(story.bureau.party);
    expect((await index.boundaries()).lists.map(({ id }) => id)).to.deep.equal(["national"]);
    expect((await index.cells("national", 1, "weather.secret"))[0]?.effect).to.equal("forbid");
    expect(await index.cells("national", 1, "weather.daily")).to.deep.equal([]);
    expect((await index.orders())?.n).to.equal(0);
  });

  it("answers a grant by id and by its public digest, and its stop key", async () => {
    expect((await index.grant(grant))?.state).to.equal("active");
    expect((await index.grantByDigest(stopDigest(grant)))?.id).to.equal(grant);
    expect((await index.stop(stopDigest(grant)))?.epoch).to.equal(1);
    expect(await index.grantByDigest(stopDigest("another"))).to.equal(undefined);
  });

  it("lists page by page, in order of id, each once", async () => {
    const all = (await index.listParties(100)).items.map(({ id }) => id);
    expect(all)
      .to.have.length(4)
      .and.to.deep.equal([...all].sort());
    const paged: string[] = [];
    let after: string | undefined;
    do {
      const page = await index.listParties(1, after);
      paged.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expect(paged).to.deep.equal(all);
    expect((await index.listResources(10)).items.map(({ id }) => id)).to.deep.equal([RESOURCE]);
  });

  it("lists the grants of a party, and to the regulator all", async () => {
    const child = await story.derive(grant);
    await catchUp();
    const idsOf = async (party: string | undefined) =>
      (await index.listGrants(party, 10)).items.map(({ id }) => id).sort();
    expect(await idsOf(story.bureau.party)).to.deep.equal([grant]);
    expect(await idsOf(story.operator.party)).to.deep.equal([child]);
    expect(await idsOf(story.bank.party)).to.deep.equal([grant, child].sort());
    expect(await idsOf(undefined)).to.deep.equal([grant, child].sort());
    expect(await idsOf("urn:test:nobody")).to.deep.equal([]);
  });

  it("answers commands by request, and chains of them in order", async () => {
    const {
      request,
      block,
      index: position,
      txId,
    } = await story.send("parties:submit", story.regulator, "party.suspend", {
      party: story.operator.party,
    });
    await catchUp();
    const known = await index.command(request);
    expect(known).to.include({ block, index: position, txId });
    const chain = await collect(index.commands(partyKey(story.operator.party, NET)));
    expect(verbsOf(chain)).to.deep.equal(["party.register", "party.admit", "party.suspend"]);
    expect(requestsOf(chain).at(-1)).to.equal(request);
    const directory = await collect(index.commands({ scope: NET, kind: "directory", id: NET }));
    expect(verbsOf(directory)).to.deep.equal(["network.init", "log.create", "log.create"]);
    expect(await index.command("unknown")).to.equal(undefined);
  });

  it("finds orders, which have no key of their own, as commands of their chain", async () => {
    const key = { scope: NET, kind: "orders" as const, id: NET };
    expect(await index.head(key)).to.equal(undefined);
    await story.freeze({ kind: "party", id: "urn:test:nobody" });
    await story.freeze({ kind: "party", id: "urn:test:other" });
    await catchUp();
    const chain = await collect(index.commands(key));
    expect(verbsOf(chain)).to.deep.equal(["order.freeze", "order.freeze"]);
    const orders = await index.orders();
    expect(await index.head(key)).to.include({ n: 2, h: orders?.h });
    expect((await index.command(requestsOf(chain)[1]!))?.stored.entry).to.equal(orders?.last?.entry);
  });

  it("answers records by place, by request and by chain", async () => {
    const { first, block } = await story.record([
      await story.access({ grant }),
      await story.access({ grant, purpose: "marketing" }),
      await story.void(story.bank),
    ]);
    story.pass(1000);
    await story.record([story.delivery(first, first)]);
    await catchUp();
    const types = await Promise.all([0, 1, 2, 3].map(async (i) => (await index.record(LOG, first + i))?.type));
    expect(types).to.deep.equal(["access", "access", "void", "delivery"]);
    const access = (await index.record(LOG, first))!;
    expect(access).to.include({ block, index: 0, log: LOG, record: first, first });
    const { request } = JSON.parse(access.stored.body) as { request: string };
    expect(await index.recordOf(request)).to.deep.equal(access);
    expect((await index.deliveryOf(request))?.record).to.equal(first + 3);
    const chain = await collect(index.chainRecords(partyKey(story.bank.party), 0));
    expect(chain.map(({ record }) => record)).to.deep.equal([0, 1, 2, 3]);
    const resource = { scope: LOG, kind: "resource" as const, id: RESOURCE };
    expect((await collect(index.chainRecords(resource, 1))).map(({ record }) => record)).to.deep.equal([1, 3]);
    expect(await index.record(LOG, 99)).to.equal(undefined);
  });

  it("knows the permits that wait for their delivery, oldest first", async () => {
    const { first } = await story.record([
      await story.access({ grant }),
      await story.access({ grant, purpose: "marketing" }),
      await story.access({ grant }),
    ]);
    await catchUp();
    const open = async () => (await collect(index.undelivered(LOG))).map(({ record }) => record);
    expect(await open()).to.deep.equal([first, first + 2]);
    expect((await collect(index.undelivered(LOG, first + 1))).map(({ record }) => record)).to.deep.equal([first + 2]);
    await story.record([story.delivery(first, first, "failed")]);
    await catchUp();
    expect(await open()).to.deep.equal([first + 2]);
    await story.record([story.delivery(first + 2, first)]);
    await catchUp();
    expect(await open()).to.deep.equal([]);
    expect(await collect(index.undelivered(OTHER_LOG))).to.deep.equal([]);
  });

  it("finds the first position of a chain at or after a time", async () => {
    const key = partyKey(story.bank.party);
    const length = (await index.head(key))!.n;
    expect(await index.chainPositionAt(key, START)).to.equal(0);
    expect(await index.chainPositionAt(key, START + 1)).to.equal(3);
    expect(await index.chainPositionAt(key, START + 1000)).to.equal(3);
    expect(await index.chainPositionAt(key, START + 1001)).to.equal(length);
    expect(await index.chainPositionAt(partyKey("urn:test:nobody"), 0)).to.equal(0);
  });

  it("shows counters and windows as the newest block left them, though it keeps them decoded", async () => {
    const before = { counter: await index.counter(LOG, grant), seen: await index.seen(LOG, story.bank.kid) };
    await story.record([await story.access({ grant })]);
    await catchUp();
    expect((await index.counter(LOG, grant))!.quota.used).to.equal(before.counter!.quota.used + 1);
    expect((await index.seen(LOG, story.bank.kid)).next).to.equal(before.seen.next + 1);
    expect((await index.seen(LOG, story.bureau.kid)).next).to.equal(0);
    expect(await index.counter(OTHER_LOG, grant)).to.equal(undefined);
  });

  it("keeps the salt of heads, so that the stored digest can be opened, now and as of an earlier block", async () => {
    const key = { scope: LOG, kind: "grant" as const, id: grant };
    const earlier = story.ledger.made.length - 1;
    const view = await story.ledger.view();
    const name = (await index.headName(key))!;
    await story.record([await story.access({ grant })]);
    await catchUp();
    const now = (await index.head(key))!;
    const then = (await index.headAt(key, earlier))!;
    expect(now.n).to.equal(then.n + 1);
    expect(sealedDigest(then, then.salt)).to.equal(await view.getPrivateHash(COLLECTION, name));
    expect(sealedDigest(now, now.salt)).to.equal(await (await story.ledger.view()).getPrivateHash(COLLECTION, name));
    expect(await index.headAt(key, 3)).to.equal(undefined);
  });

  it("answers nodes of the log's tree from which every record is proven under its batch's head", async () => {
    const { size } = (await index.log(LOG))!;
    for (let i = 0; i < size; i++) {
      const record = (await index.record(LOG, i))!;
      const head = await index.batchHead(LOG, record.first);
      const proof = await inclusionProof(i, head.size, (level, node) => index.node(LOG, level, node));
      verifyInclusion({ index: i, leaf: recordLeaf(record.stored), proof, ...head });
    }
    expect((await index.batchHead(LOG, 0)).root).to.not.deep.equal(parseHash((await index.log(LOG))!.root));
    await expectCode(index.node(LOG, 0, size), "NOT_FOUND");
    await expectCode(index.batchHead(LOG, 1), "NOT_FOUND");
  });

  it("takes several transactions of one block in their order, and nothing of an invalid one", async () => {
    const { size } = (await index.log(LOG))!;
    await story.ledger.together(async () => {
      await story.record([await story.access({ grant })]);
      await story.record([await story.access({ grant, log: OTHER_LOG })], OTHER_LOG);
      await story.record([await story.access({ grant }), await story.access({ grant })]);
    });
    await catchUp();
    const block = story.ledger.made.length - 1;
    const places = await Promise.all([0, 1, 2].map((i) => index.record(LOG, size + i)));
    expect(places.map((one) => [one?.block, one?.index, one?.first])).to.deep.equal([
      [block, 1, size],
      [block, 3, size + 1],
      [block, 3, size + 1],
    ]);
    expect((await index.log(OTHER_LOG))?.size).to.equal(1);
    // The grant may not be used in the other log: a denial without a link to it.
    expect(await index.head({ scope: OTHER_LOG, kind: "grant", id: grant })).to.equal(undefined);
  });

  it("knows a stop from the moment it stands, and its place in the grant's chain once it is folded", async () => {
    const key = { scope: privateScope(NET, MSP), kind: "grant" as const, id: grant };
    const stop = await story.stop(story.bureau, "grant.revoke", grant);
    await catchUp();
    expect(await index.command(stop.request)).to.include({ block: stop.block, index: stop.index, txId: stop.txId });
    expect((await index.command(stop.request))?.stored.chains).to.deep.equal([]);
    expect(verbsOf(await collect(index.commands(key)))).to.deep.equal(["grant.request", "grant.approve"]);
    const fold = await story.fold(grant);
    await catchUp();
    expect(verbsOf(await collect(index.commands(key))).at(-1)).to.equal("grant.revoke");
    expect((await index.grant(grant))?.state).to.equal("revoked");
    const known = (await index.command(stop.request))!;
    expect(known).to.include({ block: stop.block, txId: stop.txId });
    expect(known.stored.chains.find(({ kind }) => kind === "grant")?.n).to.equal(3);
    expect((await index.headAt(key, fold.block - 1))?.n).to.equal(2);
  });

  it("of another organisation's log knows the leaves, and none of its records", async () => {
    const other = await bench.upToDate(story.ledger, { collection: "org-ExchangeMSP" });
    expect(await other.record(LOG, 0)).to.equal(undefined);
    expect(await other.grant(grant)).to.equal(undefined);
    expect((await other.seen(LOG, story.bank.kid)).next).to.equal(0);
    expect(await other.headName(partyKey(story.bank.party))).to.equal(undefined);
    expect(await other.node(LOG, 1, 0)).to.deep.equal(await index.node(LOG, 1, 0));
    expect((await other.party(story.bank.party))?.state).to.equal("active");
  });

  it("follows a test network's clock", async () => {
    const shifted = new Story();
    await shifted.begin(true);
    await shifted.send("network:submit", shifted.regulator, "clock.set", { offsetMs: 86_400_000 });
    const model = await bench.upToDate(shifted.ledger);
    expect(await model.clockOffsetMs()).to.equal(86_400_000);
  });
});
