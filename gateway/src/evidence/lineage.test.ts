/** "Product X: whose data, which grant, which approval": one file of the regulator's, verified offline. */
import { parseWith, TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { canonical, commit } from "@quanji/chaincode/log";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { openTrust, type OpenedTrust, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { MSP, RESOURCE, Story } from "../readmodel/story.test.js";
import { Bench } from "../readmodel/support.test.js";
import { contextOf, trailText } from "./support.test.js";
import { makeTrust } from "./trust.js";

describe("evidence: the trail of a product", () => {
  const bench = new Bench();
  let story: Story;
  let grant: string;
  let trust: OpenedTrust;
  let context: ReturnType<typeof contextOf>;
  const [FIRST, SECOND] = ["prd/first", "prd/second"] as const;

  before(async () => {
    story = new Story();
    await story.prepare();
    grant = await story.grant({ actions: ["query", "derive"] });
    const made = (parent: string, under: string) => ({
      kind: "product",
      lineage: [{ resource: `${parent}@1`, grant: under }],
    });
    await story.registerResource(FIRST, story.bank, made(RESOURCE, grant));
    await story.registerResource(SECOND, story.bank, { kind: "product", originDeclaration: "own" });
    story.pass(1000);
    const index = await bench.upToDate(story.ledger);
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

  const chainsOf = (text: string): readonly string[] =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => parseWith(TrailLine, JSON.parse(line)))
      .filter((line): line is TrailLineOf<"chain"> => line.t === "chain")
      .map(({ kind, id }) => `${kind} ${id}`);

  it("brings the regulator what it was made from, the grant that allowed it and who approved", async () => {
    const text = await trailText(
      context,
      { kind: "resource", id: FIRST },
      { party: story.regulator.party, regulator: true },
    );
    expect(chainsOf(text)).to.include.members([
      `resource ${FIRST}`,
      `resource ${RESOURCE}`,
      `grant ${grant}`,
      `party ${story.bureau.party}`,
    ]);
    expect(await verifyTrail(text, trust)).to.include({ ok: true, records: 0 });
  });

  it("brings what an earlier version was made from, too: that may be the one that was sold", async () => {
    await story.registerResource("prd/third", story.bank, {
      kind: "product",
      lineage: [{ resource: `${RESOURCE}@1`, grant }],
    });
    await story.send(TRANSACTIONS.resources, story.bank, "resource.amend", {
      resource: "prd/third",
      version: 2,
      originDeclaration: "own",
      title: "Daily weather",
      class: "weather.daily",
      grade: { standard: "GB/T 43697-2024", level: "general-1" },
      sharing: "conditional",
      subjectKind: "none",
      basis: { law: "Meteorology Law", duty: "observation" },
      responsibleHead: commit(["x", "y"], "responsibleHead", { salt: story.random(), value: "head" }),
      fields: [{ name: "rain", type: "number", grade: "general-1" }],
      rights: [{ kind: "holding", holder: story.bank.party, basis: "own observation" }],
    });
    story.pass(1000);
    const index = await bench.upToDate(story.ledger);
    const regulator = { party: story.regulator.party, regulator: true };
    const text = await trailText({ ...context, index }, { kind: "resource", id: "prd/third" }, regulator);
    expect(chainsOf(text)).to.include.members([`resource ${RESOURCE}`, `grant ${grant}`]);
  });

  it("without a parent it brings none, and others than the regulator get what they got", async () => {
    const regulator = { party: story.regulator.party, regulator: true };
    const own = await trailText(context, { kind: "resource", id: SECOND }, regulator);
    expect(chainsOf(own).filter((chain) => chain.startsWith("grant"))).to.deep.equal([]);
    const steward = await trailText(
      context,
      { kind: "resource", id: FIRST },
      { party: story.bank.party, regulator: false },
    );
    expect(chainsOf(steward)).to.not.include(`grant ${grant}`);
    expect(await verifyTrail(steward, trust)).to.include({ ok: true });
  });

  it("loses its proof with any of these commands", async () => {
    const text = await trailText(
      context,
      { kind: "resource", id: FIRST },
      { party: story.regulator.party, regulator: true },
    );
    const lines = text.trimEnd().split("\n");
    const at = lines.findIndex((line) => line.includes('"t":"chain"') && line.includes(`"id":"${grant}"`));
    const cut = [...lines.slice(0, at + 1), ...lines.slice(at + 2)].join("\n");
    expect(await verifyTrail(`${cut}\n`, trust)).to.include({ ok: false, code: "TRAIL_INCOMPLETE" });
  });
});
