import { type AccessBody, instant, splitRecordText } from "@quanji/chaincode/domain";
import { partyOf } from "@quanji/chaincode/log";
import { privateScope } from "@quanji/chaincode/world";
import { expect } from "chai";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import { LOG, MSP, NET, OTHER_LOG, RESOURCE, START, Story } from "../readmodel/story.test.js";
import { Bench, expectCode } from "../readmodel/support.test.js";
import { contextOf, parseLines, type ReadTrail, readTrail, trailText } from "./support.test.js";
import { makeTrail } from "./trail.js";
import type { TrailQuery } from "./trail-plan.js";

const HOUR = 3_600_000;

describe("trails", () => {
  const bench = new Bench();
  let story: Story;
  let index: LedgerIndex;
  let grant: string;
  let child: string;
  let context: ReturnType<typeof contextOf>;

  before(async () => {
    story = new Story();
    grant = await story.prepare();
    child = await story.derive(grant);
    story.pass(HOUR);
    const { first } = await story.record([
      await story.access({ grant }),
      await story.access({ grant, purpose: "marketing" }),
    ]);
    await story.record([story.delivery(first, first)]);
    story.pass(HOUR);
    await story.record([await story.access({ grant: child, by: story.operator }), await story.void(story.bank)]);
    story.pass(HOUR);
    await story.record([await story.access({ grant: story.uuid() }), await story.access({ grant })]);
    index = await bench.upToDate(story.ledger);
    context = contextOf(story, index);
  });
  after(() => bench.clean());

  const regulator = () => ({ party: story.regulator.party, regulator: true });
  const read = async (query: TrailQuery, audience = regulator()): Promise<ReadTrail> =>
    readTrail(await trailText(context, query, audience), story);
  const kindsOf = ({ chains }: ReadTrail) => chains.map(({ key }) => key.kind);
  const idsOf = ({ chains }: ReadTrail, kind: string) =>
    chains.filter(({ key }) => key.kind === kind).map(({ key }) => key.id);

  it("of a resource hold every use of it, in order, and link up to the note", async () => {
    const { logs } = await read({ kind: "resource", id: RESOURCE });
    expect(logs.map(({ log, indexes }) => [log, indexes])).to.deep.equal([
      [LOG, [0, 1, 2, 3, 5, 6]],
      [OTHER_LOG, []],
    ]);
    expect(logs[1]?.note?.state).to.equal("none");
    expect(logs[1]?.end).to.not.have.any.keys("opening", "proof", "next");
  });

  it("of a grant hold its uses and not its children's", async () => {
    const { logs } = await read({ kind: "grant", id: grant });
    expect(logs.map(({ log, indexes }) => [log, indexes])).to.deep.equal([[LOG, [0, 1, 2, 6]]]);
  });

  it("of a party hold its voids too, over all logs of the organisation", async () => {
    const { logs } = await read({ kind: "party", id: story.bank.party });
    expect(logs.map(({ log, indexes }) => [log, indexes])).to.deep.equal([
      [LOG, [0, 1, 2, 4, 5, 6]],
      [OTHER_LOG, []],
    ]);
  });

  it("give the requester's JWS with accesses and voids, and none with deliveries", async () => {
    const { lines } = await read({ kind: "party", id: story.bank.party });
    const records = lines.filter(({ t }) => t === "record");
    expect(records.map((line) => "q" in line)).to.deep.equal([true, true, false, true, true, true]);
  });

  it("hold the chains in the order of the format", async () => {
    const trail = await read({ kind: "grant", id: grant });
    expect(kindsOf(trail)).to.deep.equal([
      "directory",
      "boundary",
      "orders",
      "resource",
      "party",
      "party",
      "party",
      "grant",
    ]);
    expect(trail.chains[0]?.commands.length).to.equal(3);
    expect(trail.chains[2]?.commands.length).to.equal(0);
  });

  it("hold the chain of every party that asked or signed, and of whoever signed for those", async () => {
    const trail = await read({ kind: "resource", id: RESOURCE });
    const parties = new Set(idsOf(trail, "party"));
    const kids = trail.chains.flatMap(({ commands }) => commands.map(({ request }) => request.protected));
    const signers = kids.map((text) =>
      partyOf((JSON.parse(Buffer.from(text, "base64url").toString()) as { kid: string }).kid),
    );
    expect([...signers].filter((signer) => !parties.has(signer))).to.deep.equal([]);
    expect([...parties].sort()).to.deep.equal(
      [story.bank, story.bureau, story.operator, story.regulator].map(({ party }) => party).sort(),
    );
  });

  it("hold every command that a record's decision rests on", async () => {
    const trail = await read({ kind: "grant", id: grant });
    const length = (kind: string) => trail.chains.find(({ key }) => key.kind === kind)!.commands.length;
    for (const line of trail.lines) {
      if (line.t !== "record") continue;
      const body = JSON.parse(splitRecordText(line.r).body) as Partial<AccessBody>;
      const { basis } = body;
      if (basis === undefined) continue;
      for (const kind of ["boundary", "orders", "resource", "grant"] as const)
        expect(length(kind)).to.be.at.least(basis[kind]!);
    }
  });

  it("G8 hold the terms of those grants only that the audience is party to", async () => {
    const grants = async (kind: TrailQuery["kind"], id: string, party: string) =>
      idsOf(await read({ kind, id }, { party, regulator: false }), "grant");
    expect(await grants("resource", RESOURCE, story.bureau.party)).to.deep.equal([grant]);
    expect(await grants("party", story.bank.party, story.bank.party)).to.deep.equal([grant]);
    expect(await grants("grant", child, story.bank.party)).to.deep.equal([grant, child].sort());
    expect(await grants("grant", child, story.operator.party)).to.deep.equal([child]);
    expect(await grants("resource", RESOURCE, "urn:test:holder")).to.deep.equal([]);
    const all = await read({ kind: "resource", id: RESOURCE });
    expect(idsOf(all, "grant")).to.deep.equal([grant, child].sort());
    expect(all.chains.at(-1)?.key.scope).to.equal(privateScope(NET, MSP));
  });

  it("of a period begin after the last record before it and end before the first one after it", async () => {
    const [from, to] = [instant(START + HOUR + 1), instant(START + 3 * HOUR)];
    const { logs, lines } = await read({ kind: "resource", id: RESOURCE, from, to });
    expect(logs[0]?.indexes).to.deep.equal([3]);
    expect(logs[0]?.end).to.have.all.keys("t", "log", "next");
    const start = lines.find((line) => line.t === "log");
    expect(start).to.have.nested.property("start.record");
    expect(logs[1]?.note?.state).to.equal("none");
  });

  it("of a period take its first instant and not its last", async () => {
    const indexes = async (from: number, to: number) =>
      (await read({ kind: "resource", id: RESOURCE, from: instant(from), to: instant(to) })).logs[0]?.indexes;
    expect(await indexes(START + HOUR, START + 2 * HOUR)).to.deep.equal([0, 1, 2]);
    expect(await indexes(START + HOUR, START + 2 * HOUR + 1)).to.deep.equal([0, 1, 2, 3]);
    expect(await indexes(START, START + HOUR)).to.deep.equal([]);
  });

  it("of a period after the last record prove that there is none, by that record and the note", async () => {
    const { logs } = await read({ kind: "resource", id: RESOURCE, from: instant(START + 9 * HOUR) });
    expect(logs[0]?.indexes).to.deep.equal([]);
    expect(logs[0]?.end).to.include.all.keys("note", "opening", "proof");
  });

  it("state the ledger's time, not a moment that the look has not seen", async () => {
    const late = { ...context, clock: () => story.ledger.now - 1500 };
    const { chains } = await readTrail(await trailText(late, { kind: "grant", id: grant }, regulator()), story);
    expect(new Set(chains.map(({ note }) => note.time))).to.deep.equal(
      new Set([Math.floor((story.ledger.now - 1500) / 1000)]),
    );
  });

  it("end where the first look saw the end, whatever commits while they are written", async () => {
    const before = parseLines(await trailText(context, { kind: "resource", id: RESOURCE }, regulator()));
    let text = "";
    for await (const line of makeTrail(context, { kind: "resource", id: RESOURCE }, regulator())) {
      if (text === "") {
        await story.record([await story.access({ grant }), await story.access({ grant: child, by: story.operator })]);
        await story.freeze({ kind: "party", id: "urn:test:nobody" });
        await story.send("parties:submit", story.regulator, "party.suspend", { party: story.operator.party });
        await index.reached(story.ledger.made.length - 1);
      }
      text += line;
    }
    const { lines, logs } = await readTrail(text, story);
    expect(lines.map(({ t }) => t)).to.deep.equal(before.map(({ t }) => t));
    expect(logs[0]?.indexes).to.deep.equal([0, 1, 2, 3, 5, 6]);
    const after = await read({ kind: "resource", id: RESOURCE });
    expect(after.logs[0]?.indexes.slice(-2)).to.deep.equal([7, 8]);
    expect(after.chains.find(({ key }) => key.kind === "orders")?.commands.length).to.equal(1);
  });

  it("wait for the index to reach what the look saw", async () => {
    const text = trailText(context, { kind: "grant", id: grant }, regulator());
    await story.record([await story.access({ grant })]);
    const seen = (await readTrail(await text, story)).logs[0]?.indexes.length;
    const { logs } = await read({ kind: "grant", id: grant });
    expect(logs[0]?.indexes.length).to.be.at.least(seen!);
    expect(logs[0]?.indexes.at(-1)).to.equal(9);
  });

  it("of a stopped grant are refused before their first line until the stop is folded, then hold it", async () => {
    await story.stop(story.bureau, "grant.revoke", grant);
    await expectCode(trailText(context, { kind: "grant", id: grant }, regulator()), "STOP_PENDING");
    await story.fold(grant);
    const { chains } = await read({ kind: "grant", id: grant });
    const verbs = chains.at(-1)!.commands.map(({ entry }) => (JSON.parse(entry) as { verb: string }).verb);
    expect(verbs).to.deep.equal(["grant.request", "grant.approve", "grant.revoke"]);
  });

  it("of what does not exist, and of periods that end before they begin, are refused", async () => {
    const refused = (query: TrailQuery) => trailText(context, query, regulator());
    await expectCode(refused({ kind: "party", id: "urn:test:nobody" }), "NOT_FOUND");
    await expectCode(refused({ kind: "resource", id: "res/nothing" }), "NOT_FOUND");
    await expectCode(refused({ kind: "grant", id: story.uuid() }), "NOT_FOUND");
    const [from, to] = [instant(START + 1), instant(START)];
    await expectCode(refused({ kind: "party", id: story.bank.party, from, to }), "MALFORMED");
  });

  it("of a resource that another organisation serves are refused: they would look complete", async () => {
    const other = await bench.upToDate(story.ledger, { collection: "org-ExchangeMSP" });
    await expectCode(trailText(contextOf(story, other), { kind: "resource", id: RESOURCE }, regulator()), "NOT_FOUND");
  });

  it("are read by a reader that refuses a changed head: a test of the tests", async () => {
    const text = await trailText(context, { kind: "resource", id: RESOURCE }, regulator());
    const lines = text.split("\n");
    const records = lines.flatMap((line, i) => (line.includes('"t":"record"') ? [i] : []));
    const removed = lines.filter((_, i) => i !== records[1]).join("\n");
    const thrown = await readTrail(removed, story).then(
      () => "accepted",
      () => "refused",
    );
    expect(thrown).to.equal("refused");
  });
});
