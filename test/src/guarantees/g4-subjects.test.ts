/** G4 for a data subject: who asks about herself gets one file, and can tell that it is true and whole, an empty one too. */
import { instant, isQuanjiError, type SubjectTags } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { People } from "../support/people.js";
import { IDS } from "../support/stage.js";
import { linesOf, parsed, recordsAt, recordsOf, seal } from "../support/trails.js";

const [ALICE, BOB, CAROL] = ["510100199001011234", "51010019850505123x", "510100197707071111"];
type Day = { r: string; leaves: { i: number; tag: string; o?: { n: number } }[] };

describe("G4 a data subject's trail", () => {
  let people: People;
  let quarter: string;

  const tag = (who: string): string => people.tag(who);
  const tagsOf = (who: string): SubjectTags => people.tagsOf(who);
  const use: People["use"] = (who, change) => people.use(who, change);
  const trailOf: People["trailOf"] = (tags, wish, by) => people.trailOf(tags, wish, by);
  const verify: People["verify"] = (text) => people.verify(text);
  const refusalOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "done",
      (error: unknown) => (isQuanjiError(error) ? error.code : String(error)),
    );

  before(async () => {
    people = await People.open();
    quarter = people.quarter;
  });
  after(() => people.close());

  it("an empty one is proven, before anything was ever recorded of anybody", async () => {
    const text = await trailOf(tagsOf(ALICE));
    const verdict = await verify(text);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 0 });
    expect(verdict.of).to.deep.equal({ kind: "subject", id: IDS.bureau, tags: tagsOf(ALICE), bulk: false });
    expect(verdict.completeThrough).to.be.a("string");
  });

  it("the regulator opens the escrow, which is recorded, and finds the steward's key", async () => {
    const client = await people.stage.client("regulator");
    const key = await client.tagKeys.open(IDS.bureau, quarter, "sample 12", people.escrow);
    expect(Buffer.from(key).toString("base64url")).to.equal(people.ring.keys[quarter]);
    expect((await client.parties.get(IDS.bureau)).tagKeys?.[0]).to.include({ quarter, opened: 1 });
    expect(
      await refusalOf(
        (await people.stage.client("insurer")).tagKeys.open(IDS.bureau, quarter, "curious", people.escrow),
      ),
    ).to.equal("ROLE_REQUIRED");
  });

  it("she gets what is about her, denials too, and nothing of anybody else", async () => {
    expect((await use([ALICE])).outcome).to.equal("permit");
    expect((await use([BOB])).outcome).to.equal("permit");
    expect((await use([BOB, ALICE], { purpose: "marketing" })).outcome).to.equal("PURPOSE_OUTSIDE_GRANT");
    expect((await use([])).outcome).to.equal("permit");
    const text = await trailOf(tagsOf(ALICE));
    const verdict = await verify(text);
    expect(verdict, JSON.stringify(verdict)).to.include({ ok: true, records: 3, permitted: 1, denied: 1 });
    expect(recordsOf(text).map(({ type }) => type)).to.deep.equal(["access", "delivery", "access"]);
    expect((await verify(await trailOf(tagsOf(BOB)))).records).to.equal(3);
    const empty = await verify(await trailOf(tagsOf(CAROL)));
    expect(empty, JSON.stringify(empty)).to.include({ ok: true, records: 0 });
    const withBulk = await verify(await trailOf(tagsOf(CAROL), { bulk: true }));
    expect(withBulk, JSON.stringify(withBulk)).to.include({ ok: true, records: 1 });
  });

  it("is complete through the newest index, and says so where it was not made anew", async () => {
    const throughOf = (text: string): string => {
      const days = linesOf(text).filter((line) => parsed(line).t === "day");
      const [, body = ""] = (JSON.parse(days.at(-1) ?? "") as Day).r.split("\n");
      return (JSON.parse(body) as { through: string }).through;
    };
    const indexed = throughOf(await trailOf(tagsOf(ALICE)));
    expect((await use([ALICE])).outcome).to.equal("permit");
    const stale = await verify(await trailOf(tagsOf(ALICE), { fresh: false }));
    expect(stale).to.include({ ok: true, records: 3 });
    expect((stale.completeThrough ?? "") <= indexed).to.equal(true);
    const anew = await trailOf(tagsOf(ALICE));
    expect(throughOf(anew) > indexed).to.equal(true);
    const fresh = await verify(anew);
    expect(fresh).to.include({ ok: true, records: 5 });
    const to = instant(Date.parse(fresh.completeThrough ?? "") + 60_000);
    const early = await verify(await trailOf(tagsOf(ALICE), { to, fresh: false }));
    expect(early.detail).to.be.oneOf(["TRAIL_STALE", "DIRECTORY_STALE"]);
  });

  it("is the steward's and the regulator's to fetch, and to nobody else", async () => {
    expect((await verify(await trailOf(tagsOf(ALICE), {}, "regulator"))).ok).to.equal(true);
    const lines = (await people.stage.client("insurer")).subjectTrail(IDS.bureau, tagsOf(ALICE));
    expect(await refusalOf(lines.next())).to.equal("NOT_FOUND");
  });

  it("whatever is left out, moved, or shown instead is refused", async () => {
    const text = await trailOf(tagsOf(ALICE));
    const lines = linesOf(text);
    const days = lines.flatMap((line, i) => (parsed(line).t === "day" ? [i] : []));
    const [first = 0, second = 0, third = 0] = recordsAt(lines);
    const detail = async (changed: readonly string[]): Promise<string | undefined> =>
      (await verify(seal(changed))).detail;
    const without = (...at: readonly number[]): string[] => lines.filter((_, i) => !at.includes(i));
    const edited = (at: number, edit: (day: Day) => void): string[] =>
      lines.map((line, i) => {
        if (i !== at) return line;
        const day = JSON.parse(line) as Day;
        edit(day);
        return JSON.stringify(day);
      });
    expect(await detail(without(first))).to.equal("DELIVERY_UNMATCHED");
    expect(await detail(without(first, second, third))).to.equal("TRAIL_GAP");
    expect(await detail(without(third))).to.equal("TRAIL_GAP");
    const swapped = [...lines];
    [swapped[first], swapped[third]] = [lines[third] ?? "", lines[first] ?? ""];
    expect(await detail(swapped)).to.equal("TRAIL_ORDER");
    expect(await detail([...lines.slice(0, second), lines[first] ?? "", ...lines.slice(second)])).to.equal(
      "TRAIL_DUPLICATE",
    );
    expect(await detail(without(days[0] ?? 0))).to.equal("INDEX_GAP");
    expect(await detail(without(days[1] ?? 0, first, second, third))).to.equal("INDEX_GAP");
    const full = days.find((at) => (JSON.parse(lines[at] ?? "") as Day).leaves.some(({ o }) => o !== undefined)) ?? 0;
    expect(await detail(edited(full, (day) => (day.leaves = [])))).to.equal("ABSENCE_UNPROVEN");
    expect(await detail(edited(full, (day) => day.leaves.forEach((leaf) => delete leaf.o)))).to.equal("STATE_OPENING");
    expect(await detail(edited(full, (day) => day.leaves.forEach(({ o }) => o !== undefined && (o.n -= 1))))).to.equal(
      "STATE_OPENING",
    );
    expect(await detail(edited(full, (day) => day.leaves.forEach((leaf) => (leaf.i += 1))))).to.be.oneOf([
      "INCLUSION_INVALID",
      "PROOF_LENGTH",
      "INDEX_RANGE",
    ]);
    // Carol's header over Alice's file; Bob's records in it.
    const header = (change: object): string[] => [
      JSON.stringify({ ...(JSON.parse(lines[0] ?? "") as object), ...change }),
      ...lines.slice(1),
    ];
    expect(await detail(header({ tags: tagsOf(CAROL) }))).to.be.oneOf(["ABSENCE_UNPROVEN", "TRAIL_FOREIGN"]);
    expect(await detail(header({ bulk: true }))).to.be.oneOf(["ABSENCE_UNPROVEN", "TRAIL_GAP"]);
    expect(await detail(header({ tags: [] }))).not.to.equal(undefined);
    const later = `${Number(quarter.slice(0, 4)) + 1}${quarter.slice(4)}`;
    expect(await detail(header({ tags: [...tagsOf(ALICE), { quarter: later, tag: tag(ALICE) }] }))).to.equal(
      "TAG_QUARTER",
    );
    expect((await verify(lines.slice(0, -2).join("\n") + "\n")).detail).to.equal("FILE_TRUNCATED");
    const logEnd = lines.findIndex((line) => parsed(line).t === "logEnd");
    const bare = { ...(JSON.parse(lines[logEnd] ?? "") as Record<string, unknown>) };
    delete bare["proof"];
    expect(await detail(lines.map((line, i) => (i === logEnd ? JSON.stringify(bare) : line)))).to.equal(
      "PROOF_MISSING",
    );
  });

  it("who tags otherwise than was asked contradicts the requester's own signature", async () => {
    const text = await trailOf(tagsOf(ALICE));
    const lines = linesOf(text);
    const [first = 0] = recordsAt(lines);
    const moved = lines.map((line, i) =>
      i === first
        ? line.replace(tag(ALICE), [tag(ALICE), tag(BOB)].sort()[0] === tag(ALICE) ? tag(BOB) : tag(BOB))
        : line,
    );
    expect((await verify(seal(moved))).detail).to.equal("TRAIL_FOREIGN");
    expect((await verify(seal(moved))).ok).to.equal(false);
  });
});
