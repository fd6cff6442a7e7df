import { canonical, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { ATTACKS, prepareAttacks, untouched } from "./attacks.support.test.js";
import { parseLine } from "./lines.js";
import type { LinkKind } from "./openings.js";
import { pack, unpack } from "./packing.js";
import { type OpenedLine, type RecordLine, WrittenRecord } from "./record-line.js";

const LIMITS = { maxBytes: 1 << 22, maxDepth: 12 };

/** All that a section asks of a record's line. */
function saidBy(line: RecordLine): object {
  const opened = line.open();
  const { o, isAsked } = line;
  const kind = Object.keys(o)[0]?.slice("links.".length) as LinkKind;
  if (!isAsked) return { o, isAsked, opened, head: line.link(opened.record, kind) };
  const { type, payload, jws } = line.request();
  const { header, signingInput, signature, request } = jws;
  return {
    ...{ o, isAsked, opened, head: line.link(opened.record, kind), type, payload, header, request, said: jws.payload },
    ...{ signed: canonical([...signingInput], LIMITS), signature: canonical([...signature]) },
  };
}

/** What another thread would say of each line of a text. */
const opened = (text: string): readonly (OpenedLine | undefined)[] => unpack(pack(utf8(text)));

/** Answers how many of the lines were opened, each to what it is in its place. */
function assertSame(text: string): number {
  const lines = text.split("\n").slice(0, -1);
  const found = opened(text);
  expect(found).to.have.length(lines.length);
  let count = 0;
  for (const [i, line] of lines.entries()) {
    const some = found[i];
    if (some === undefined) continue;
    count++;
    const written = parseLine(utf8(line));
    if (written.t !== "record") throw new Error("a line that is no record was opened as one");
    expect(saidBy(some)).to.deep.equal(saidBy(new WrittenRecord(written)));
    for (const kind of ["grant", "party", "resource"] as const) {
      const { record } = some.open();
      const linkOf = (of: RecordLine): unknown => {
        try {
          return of.link(record, kind);
        } catch (error) {
          return (error as { readonly detail?: string }).detail;
        }
      };
      expect(linkOf(some)).to.deep.equal(linkOf(new WrittenRecord(written)));
    }
  }
  return count;
}

describe("records that another thread has opened", () => {
  let good: readonly string[];

  before(async () => {
    await prepareAttacks();
    good = (await untouched()).flatMap(([, { kind, evidence }]) => (kind === "trail" ? [evidence] : []));
  });

  it("are what they are in their place", () => {
    const counts = good.map(assertSame);
    expect(Math.max(...counts)).to.be.greaterThan(3);
  });

  it("are so in every attack on a trail", async () => {
    for (const { on, exhibit } of ATTACKS) if (on === "trail") assertSame(`${(await exhibit()).evidence}\n`);
  });

  it("PROPERTY are so whatever is changed in their lines", () => {
    const lines = good.flatMap((text) => text.split("\n")).filter((_line, i) => i < 4000);
    const records = lines.filter((line) => line.endsWith('"t":"record"}'));
    const change = fc.record({
      line: fc.nat(),
      at: fc.nat(),
      cut: fc.nat(2),
      put: fc.constantFrom("", "0", "A", "a", '"', "\\", '\\"', "\\n", " ", "1e2", "é", "\u007f", ","),
    });
    fc.assert(
      fc.property(change, ({ line, at, cut, put }) => {
        const text = records[line % records.length] ?? "";
        const place = at % text.length;
        assertSame(`${text.slice(0, place)}${put}${text.slice(place + cut)}\n`);
      }),
      { numRuns: 2000 },
    );
  });

  it("are none where no line ends", () => expect(opened("{}")).to.deep.equal([]));
});
