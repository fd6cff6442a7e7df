/** G4 for a data subject over three quarters: each has its key and its tags, and her trail is one and whole. */
import { instant, quarterBounds } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { People, toldBy } from "../support/people.js";
import { linesOf, parsed, recordsOf, seal } from "../support/trails.js";

const [ALICE, BOB] = ["Shenzhen", "Chengdu"];

describe("G4 a data subject's trail over several quarters", () => {
  let people: People;
  let quarters: string[];

  const asked = (who: string) => ({
    fields: ["city", "rain"],
    query: { where: [{ field: "city", op: "eq", value: who }] },
  });
  const outcomeOf = async (who: string, tag = people.tag(who)): Promise<string> => {
    const ended = await people.use([], { subjects: [tag], ...asked(who) });
    return ended.outcome;
  };
  /** The clock stands a day after the begin of the next quarter. */
  const turn = (): void => {
    const { host } = people.stage;
    host.aheadMs += quarterBounds(people.quarter, "+08:00").toMs + 86_400_000 - host.clock();
  };

  before(async () => {
    people = await People.open(toldBy("city"));
    await people.lend();
    expect(await outcomeOf(ALICE)).to.equal("permit");
    expect(await outcomeOf(BOB)).to.equal("permit");
    await people.trailOf(people.tagsOf(BOB));
    for (let turned = 0; turned < 2; turned++) {
      turn();
      await people.addKey();
      await people.lend();
      expect(await outcomeOf(ALICE)).to.equal("permit");
      await people.trailOf(people.tagsOf(BOB)); // and an index of each quarter
    }
    quarters = Object.keys(people.ring.keys).sort();
  });
  after(() => people.close());

  it("each quarter has a tag of its own, and one trail has all of them", async () => {
    const tags = people.tagsOf(ALICE);
    expect(new Set(tags.map(({ tag }) => tag)).size).to.equal(3);
    const text = await people.trailOf(tags);
    const verdict = await people.verify(text);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 6, permitted: 3 });
    expect(verdict.of).to.deep.include({ tags });
    const times = recordsOf(text).map(({ body }) => Date.parse(body.time));
    for (const [i, quarter] of quarters.entries()) {
      const { fromMs, toMs } = quarterBounds(quarter, "+08:00");
      expect(
        times.slice(2 * i, 2 * i + 2).every((time) => time >= fromMs && time < toMs),
        quarter,
      ).to.equal(true);
    }
  });

  it("says of who was asked for in one quarter only that there is nothing in the others", async () => {
    const verdict = await people.verify(await people.trailOf(people.tagsOf(BOB)));
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 2, permitted: 1 });
  });

  it("a part of the quarters is a trail of that part", async () => {
    const [, ...later] = people.tagsOf(ALICE);
    const { fromMs } = quarterBounds(quarters[1] ?? "", "+08:00");
    const text = await people.trailOf(later, { from: instant(fromMs) });
    const verdict = await people.verify(text);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 4, permitted: 2 });
    expect(verdict.of).to.deep.include({ tags: later, from: instant(fromMs) });
  });

  it("the last quarter's trail begins with the index before it, and shows nothing of what that one is of", async () => {
    const last = people.tagsOf(ALICE).slice(2);
    const { fromMs } = quarterBounds(quarters[2] ?? "", "+08:00");
    const text = await people.trailOf(last, { from: instant(fromMs) });
    const verdict = await people.verify(text);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 2, permitted: 1 });
    const leaves = linesOf(text).flatMap((line) => {
      const { t, leaves: shown } = parsed(line) as { readonly t: string; readonly leaves?: readonly unknown[] };
      return t === "day" ? [shown?.length] : [];
    });
    expect(leaves[0]).to.equal(0);
    expect(Math.max(...leaves.map((n) => n ?? 0))).to.be.greaterThan(0);
  });

  it("a quarter between two that is left out, or another's tag in it, is refused", async () => {
    const [first, middle, last] = people.tagsOf(ALICE);
    const lines = linesOf(await people.trailOf(people.tagsOf(ALICE)));
    const under = async (tags: readonly unknown[]): Promise<string | undefined> => {
      const header = JSON.stringify({ ...(JSON.parse(lines[0] ?? "") as object), tags });
      return (await people.verify(seal([header, ...lines.slice(1)]))).detail;
    };
    expect(await under([first, last])).to.equal("TAG_QUARTER");
    expect(await under([first, middle])).to.equal("TRAIL_FOREIGN");
    expect(await under([first, { ...middle, tag: first?.tag }, last])).to.be.oneOf([
      "TRAIL_FOREIGN",
      "ABSENCE_UNPROVEN",
    ]);
    expect(lines.filter((line) => parsed(line).t === "day").length).to.be.greaterThan(1);
  });

  it("a tag of a quarter that is over would hide a use from her: no data is given for it", async () => {
    expect(await outcomeOf(ALICE, people.tag(ALICE, quarters[0]))).to.equal("undelivered");
  });

  it("without the key of the new quarter nothing about persons leaves, and then it does", async () => {
    const old = people.tag(ALICE);
    turn();
    expect(await outcomeOf(ALICE, old)).to.equal("undelivered");
    await people.addKey();
    await people.lend();
    expect(await outcomeOf(ALICE)).to.equal("permit");
  });
});
