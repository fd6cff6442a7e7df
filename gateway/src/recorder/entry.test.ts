import { Uuid } from "@quanji/chaincode/domain";
import { canonical, type Openings } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { batchText, type Entry, type Item, makeEntry, subjectOf, timesOf, uuidV7 } from "./entry.js";
import { grantId, ORIGIN, requestOf, seededRandom } from "./memory-world.support.test.js";

const ignore = (): void => undefined;
const entryOf = (item: Item, admittedMs: number, seed = "entry"): Entry =>
  makeEntry({
    item,
    subject: subjectOf(item),
    admittedMs,
    random: seededRandom(seed),
    resolve: ignore,
    reject: ignore,
  });

const permit = (index: number): KnownRecord => {
  const request = requestOf({ party: "bank", grant: grantId(7), seq: index });
  const body = {
    grant: `${grantId(7)}@3`,
    id: "x",
    requester: `bank#${"A".repeat(43)}`,
    resource: "res/a@b@2",
  };
  return {
    block: 4,
    index: 0,
    txId: "t",
    log: ORIGIN,
    record: index,
    first: index - 1,
    type: "access",
    stored: { face: "{}", body: canonical(body), links: {}, request: request.jws },
  };
};
const delivery = (index: number, masked: readonly string[] = []): Item => ({
  type: "delivery",
  access: permit(index),
  bytes: 12,
  digest: "A".repeat(43),
  masked,
  outcome: "delivered",
  rows: 2,
});

const acceptance = (seq: number): Item => {
  const delivered = { ...permit(9), record: 12, first: 12, type: "delivery" as const };
  const { jws, request } = requestOf({ party: "bank", grant: grantId(7), seq });
  return { type: "acceptance", jws, request, delivery: delivered };
};

describe("recorder entries", () => {
  it("an access touches its requester, resource and grant, and takes a number of its key", () => {
    const access = requestOf({ party: "bank", grant: grantId(1), seq: 5 });
    const subject = subjectOf(access);
    expect(subject.objects).to.have.members(["party:bank", "resource:res/weather", `grant:${grantId(1)}`]);
    expect(subject).to.include({ identity: access.request, request: access.request, requester: "party:bank" });
    expect(subject.slot).to.match(/^bank#\S+ 5$/);
  });

  it("a void touches its requester alone", () => {
    const item = requestOf({ party: "bank", grant: grantId(1), seq: 5, type: "void" });
    expect(subjectOf(item).objects).to.deep.equal(["party:bank"]);
  });

  it("a delivery touches what its access touched, and takes no number", () => {
    const subject = subjectOf(delivery(9));
    expect(subject.objects).to.have.members(["party:bank", "resource:res/a@b", `grant:${grantId(7)}`]);
    expect(subject.slot).to.equal(undefined);
    expect(subject.request).to.equal(requestOf({ party: "bank", grant: grantId(7), seq: 9 }).request);
    expect(subject.identity).not.to.equal(subjectOf(delivery(10)).identity);
  });

  it("an acceptance touches what its delivery touched, is its own request, and only one of a delivery waits", () => {
    const [one, two] = [subjectOf(acceptance(1)), subjectOf(acceptance(2))];
    expect(one.objects).to.have.members(["party:bank", "resource:res/a@b", `grant:${grantId(7)}`]);
    expect([one.identity === one.request, one.identity === two.identity]).to.deep.equal([true, false]);
    expect([one.slot, two.slot]).to.deep.equal(["delivery 12", "delivery 12"]);
  });

  it("an item that nobody has checked is MALFORMED", () => {
    const jws = { payload: "e30", protected: "e30", signature: "" };
    expect(() => subjectOf({ type: "access", jws, request: "r" }))
      .to.throw()
      .with.property("code", "MALFORMED");
  });

  it("ids are UUIDs of version 7, in order of time", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 47 }), fc.uint8Array({ minLength: 10, maxLength: 10 }), (ms, random) => {
        const hex = Buffer.from(random).toString("hex");
        const id = uuidV7(ms, hex);
        expect(Uuid.safeParse(id).success, id).to.equal(true);
        expect(id.charAt(14)).to.equal("7");
        expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).to.equal(ms);
        expect(uuidV7(ms + 1, hex) > id).to.equal(true);
      }),
    );
  });

  const openings: fc.Arbitrary<Openings> = fc.dictionary(
    fc.constantFrom("operator", "query"),
    fc.record({
      salt: fc.constant("A".repeat(43)),
      value: fc.oneof(fc.string({ unit: "grapheme" }), fc.constant({ where: [{ field: "a", op: "eq", value: 1 }] })),
    }),
    { minKeys: 1 },
  );
  const item: fc.Arbitrary<Item> = fc.oneof(
    fc.record({ seq: fc.nat(), openings: fc.option(openings, { nil: undefined }) }).map((parts): Item => ({
      ...requestOf({ party: "bank", grant: grantId(1), seq: parts.seq }),
      ...(parts.openings !== undefined && { openings: parts.openings }),
    })),
    fc.nat().map((seq): Item => requestOf({ party: "bank", grant: grantId(1), seq, type: "void" })),
    fc.nat().map(acceptance),
    fc.array(fc.string({ unit: fc.constantFrom("a", ":", '"', "\\", "/", " ") })).map((masked) => delivery(3, masked)),
  );

  it("the batch is canonical JSON, holds what was offered, and its size is what was counted", () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 6 }), fc.nat(1_000), (items, ms) => {
        const entries = items.map((one, i) => entryOf(one, ms, String(i)));
        const text = batchText("N".repeat(43), entries, timesOf(entries, 0, ms));
        const batch = JSON.parse(text) as { records: { id: string; type: string; openings?: unknown }[] };
        expect(canonical(batch, { maxBytes: 1_000_000, maxDepth: 12 })).to.equal(text);
        expect(batch.records.map(({ id }) => id)).to.deep.equal(entries.map(({ id }) => id));
        batch.records.forEach((record, i) => {
          const one = items[i]!;
          expect(record.type).to.equal(one.type);
          expect(record.openings).to.deep.equal("openings" in one ? one.openings : undefined);
        });
        const counted = entries.reduce((sum, entry) => sum + entry.bytes, 0);
        expect(Buffer.byteLength(text)).to.be.within(counted - 10 * items.length, counted + 70);
      }),
    );
  });

  it("times never decrease, never lie before the log's last record nor after the submission", () => {
    const at = fc.nat(10_000);
    fc.assert(
      fc.property(fc.array(at, { minLength: 1 }), at, at, (admitted, floorMs, laterMs) => {
        const nowMs = floorMs + laterMs;
        const entries = admitted.map((ms) => entryOf(requestOf({ party: "p", grant: grantId(1), seq: 0 }), ms));
        const times = timesOf(entries, floorMs, nowMs);
        expect(times).to.deep.equal([...times].sort((a, b) => a - b));
        expect(Math.min(...times)).to.be.at.least(floorMs);
        expect(Math.max(...times)).to.be.at.most(nowMs);
        times.forEach((ms, i) => {
          const before = Math.max(floorMs, ...admitted.slice(0, i));
          if (admitted[i]! >= before && admitted[i]! <= nowMs) expect(ms).to.equal(admitted[i]);
        });
      }),
    );
  });
});
