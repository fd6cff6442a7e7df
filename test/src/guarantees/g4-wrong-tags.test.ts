/** G4: whoever names somebody else than the data is about gets no data, where the steward has lent the gateway its tag keys. */
import { expect } from "chai";
import { People, toldBy } from "../support/people.js";
import { recordsOf } from "../support/trails.js";

/** The source knows persons by this field. */
const FIELD = "city";
const [ALICE, BOB, CAROL] = ["Shenzhen", "Chengdu", "Wuhan"];

describe("G4 tags that do not fit the data", () => {
  let people: People;

  before(async () => {
    people = await People.open(toldBy(FIELD));
  });
  after(() => people.close());

  const asked = (...value: string[]) => ({ query: { where: [{ field: FIELD, op: "in", value }] } });
  const outcomeOf = async (who: readonly string[], change: object = {}): Promise<string> =>
    (await people.use(who, { fields: ["city", "rain"], ...change })).outcome;

  it("without the keys nothing about persons leaves", async () => {
    expect(await outcomeOf([ALICE], asked(ALICE))).to.equal("undelivered");
    await people.lend();
  });

  it("who is named is who the data is about", async () => {
    expect(await outcomeOf([ALICE], asked(ALICE))).to.equal("permit");
    expect(await outcomeOf([ALICE, BOB], asked(ALICE, BOB))).to.equal("permit");
    expect(await outcomeOf([ALICE, BOB])).to.equal("permit");
    expect(await outcomeOf([CAROL], asked(CAROL)), "asked for, and nothing there").to.equal("permit");
    expect(await outcomeOf([])).to.equal("permit");
  });

  it("is told from the rows too, where the field that tells it was not asked for", async () => {
    expect(await outcomeOf([ALICE, BOB], { fields: ["rain"] })).to.equal("permit");
    expect(await outcomeOf([ALICE], { fields: ["rain"] })).to.equal("undelivered");
  });

  it("another person's tag, one too many, one too few, or none: recorded, and not a byte leaves", async () => {
    const before = recordsOf(await people.trailOf(people.tagsOf(CAROL))).length;
    expect(await outcomeOf([CAROL], asked(ALICE))).to.equal("undelivered");
    expect(await outcomeOf([ALICE, CAROL], asked(ALICE))).to.equal("undelivered");
    expect(await outcomeOf([ALICE], asked(ALICE, BOB))).to.equal("undelivered");
    expect(await outcomeOf([CAROL])).to.equal("undelivered");
    expect(await outcomeOf([], asked(ALICE))).to.equal("undelivered");
    const text = await people.trailOf(people.tagsOf(CAROL));
    expect((await people.verify(text)).ok).to.equal(true);
    const hers = recordsOf(text).slice(before);
    expect(hers.map((record) => (record.type === "delivery" ? record.body.outcome : record.type))).to.deep.equal([
      "access",
      "failed",
      "access",
      "failed",
      "access",
      "failed",
    ]);
    expect(hers.every((record) => record.type !== "delivery" || record.body.bytes === 0)).to.equal(true);
  });
});
