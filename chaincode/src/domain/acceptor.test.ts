import { expect } from "chai";
import fc from "fast-check";
import { z } from "zod";
import { canonical, type Json, parseCanonical } from "../log/index.js";
import { acceptor, reader } from "./acceptor.js";
import { AccessBody, AccessRequest, DeliveryBody, Face, VoidBody } from "./index.js";

const DIGEST = "A".repeat(43);
const UUID = "019360c2-8000-7000-8000-000000000000";
const TIME = "2026-03-02T01:00:00.000Z";
const LOG = "quanji.test/demo/holder/0";
const PARTY = "91510100MAQJ006421";
const common = { id: UUID, nonce: `${"A".repeat(21)}Q`, request: DIGEST, requester: `${PARTY}#${DIGEST}`, time: TIME };
const links = { grant: DIGEST, party: DIGEST, resource: DIGEST };
const faceCommon = { hour: "2026-03-02T01Z", index: 7, log: LOG, unit: PARTY, v: "quanji.record.v1" };
const use = { class: "weather.daily", count: 1, purpose: "credit.review", steward: PARTY };

/** Schemas of which a million values are parsed, each with values that fit. */
const CASES: Readonly<Record<string, { readonly schema: z.ZodType; readonly good: readonly object[] }>> = {
  Face: {
    schema: Face,
    good: [
      { ...faceCommon, ...use, type: "access", decision: "permit" },
      { ...faceCommon, ...use, type: "delivery" },
      { ...faceCommon, type: "void" },
    ],
  },
  AccessBody: {
    schema: AccessBody,
    good: [
      {
        ...common,
        action: "query",
        basis: { ancestors: [1, 2], boundary: 0, grant: 3, orders: 0, party: 1, resource: 1 },
        deliverBefore: TIME,
        grant: `${UUID}@1`,
        links,
        obligations: ["mask:day"],
        quantity: 1,
        resource: "res/a@1",
        rule: "permit",
        stop: DIGEST,
        subjects: "bulk",
        used: 0,
      },
      {
        ...common,
        action: "query",
        basis: { boundary: 0, orders: 0, party: 1, resource: 1 },
        links: { party: DIGEST, resource: DIGEST },
        obligations: [],
        quantity: 1,
        resource: "res/a@1",
        rule: "GRANT_MISSING",
        used: 0,
      },
    ],
  },
  DeliveryBody: {
    schema: DeliveryBody,
    good: [
      {
        ...common,
        access: 6,
        bytes: 120,
        digest: DIGEST,
        grant: `${UUID}@1`,
        links,
        masked: ["day"],
        outcome: "delivered",
        resource: "res/a@1",
        rows: 3,
      },
    ],
  },
  VoidBody: { schema: VoidBody, good: [{ ...common, links: { party: DIGEST }, seq: 3 }] },
  AccessRequest: {
    schema: AccessRequest,
    good: [
      {
        net: "quanji.test/demo",
        log: LOG,
        seq: 1,
        resource: "res/a",
        grant: UUID,
        action: "query",
        purpose: "credit.review",
        fields: ["station", "day"],
        range: { from: "2026-01-01", to: TIME },
        environment: { kind: "api", jurisdiction: "CN" },
        operator: DIGEST,
        query: DIGEST,
        mode: "normal",
        quantity: 10,
        retryOf: DIGEST,
        atLeast: { block: 7 },
      },
    ],
  },
};

type Members = Record<string, unknown>;

/** Every path of a value, its own included. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, item]) => pathsOf(item, [...path, name]))];
}

describe("domain: schemas as plain tests", () => {
  for (const [name, { schema, good }] of Object.entries(CASES)) {
    const accepts = acceptor(schema);

    it(`${name}: takes what its schema takes, as it stands`, () => {
      for (const value of good) {
        expect(accepts(value)).to.equal(true);
        expect(schema.parse(value)).to.deep.equal(value);
      }
    });

    it(`PROPERTY ${name}: refuses what its schema refuses`, () => {
      const other = fc.constantFrom<unknown>(
        ...["", "x", "permit", "deny", DIGEST, `${DIGEST}A`, TIME, "2026-02-30T00:00:00.000Z", "气象", "day", LOG],
        ...[0, -1, 1.5, 2 ** 53, 11_000_000, true, false, null, [], ["day", "day"], [0], Array(200).fill("a"), {}],
        { x: 1 },
      );
      const change = fc.record({ at: fc.nat(), to: fc.option(other, { nil: undefined }), more: fc.boolean() });
      fc.assert(
        fc.property(fc.constantFrom(...good), fc.array(change, { minLength: 1, maxLength: 3 }), (value, changes) => {
          const changed = structuredClone(value) as Members;
          for (const { at, to, more } of changes) mutate(changed, at, to, more);
          const result = schema.safeParse(changed);
          expect(accepts(changed)).to.equal(result.success);
          if (result.success) expect(result.data).to.deep.equal(changed);
        }),
        { numRuns: 3000 },
      );
    });
  }

  for (const [name, { schema, good }] of Object.entries(CASES)) {
    const read = reader(schema);
    /** What the long way makes of a text; undefined if it refuses it. */
    const longWay = (text: string): unknown => {
      try {
        const result = schema.safeParse(parseCanonical(text));
        return result.success ? result.data : undefined;
      } catch {
        return undefined;
      }
    };

    it(`${name}: is read from its canonical text`, () => {
      for (const value of good) expect(read(canonical(value))).to.deep.equal(value);
    });

    it(`PROPERTY ${name}: is read from no other text`, () => {
      const edit = fc.record({
        at: fc.nat(),
        cut: fc.nat(3),
        put: fc.constantFrom(
          ...[
            "",
            " ",
            '"',
            "\\",
            "\\u0061",
            "0",
            "00",
            "1e2",
            "100",
            "100.0",
            "-",
            "-0",
            "1.0",
            "{",
            "}",
            "[]",
            ",",
            "\ud800",
            "气",
          ],
          ...['"v":1,', '"seq":1,', '"used":0,', ',"used":0', '"action":"query",', "true", "null"],
        ),
      });
      fc.assert(
        fc.property(fc.constantFrom(...good), fc.array(edit, { minLength: 1, maxLength: 2 }), (value, edits) => {
          let text = canonical(value);
          for (const { at, cut, put } of edits) {
            const place = at % text.length;
            text = text.slice(0, place) + put + text.slice(place + cut);
          }
          const found = read(text);
          if (found !== undefined) expect(found, text).to.deep.equal(longWay(text));
        }),
        { numRuns: 5000 },
      );
    });

    it(`${name}: is read whatever its numbers, and from one spelling of each`, () => {
      for (const value of good) {
        const text = canonical(value);
        for (const number of [
          "0",
          "7",
          "99",
          "100",
          "1e2",
          "1E2",
          "101",
          "1000",
          "1e3",
          "5000",
          "-1",
          "-0",
          "0.5",
          "1e400",
        ]) {
          for (const { index, 0: digits } of text.matchAll(/(?<=:)\d+(?=[,}])/g)) {
            const changed = text.slice(0, index) + number + text.slice(index + digits.length);
            expect(read(changed), changed).to.deep.equal(longWay(changed));
          }
        }
      }
    });

    it(`${name}: is not read where its members stand in another order, or twice`, () => {
      for (const value of good as readonly Record<string, Json>[]) {
        const members = Object.entries(JSON.parse(canonical(value)) as Record<string, Json>);
        expect(read(JSON.stringify(Object.fromEntries(members.toReversed())))).to.equal(undefined);
        const text = canonical(value);
        for (const [member, item] of members) {
          expect(read(`{${JSON.stringify(member)}:${canonical(item)},${text.slice(1)}`)).to.equal(undefined);
        }
      }
    });
  }

  /** Replaces a member, takes it away (`to` undefined), or puts another beside it. */
  function mutate(value: Members, at: number, to: unknown, more: boolean): void {
    const paths = pathsOf(value).filter((path) => path.length > 0);
    const path = paths[at % paths.length] ?? [];
    let parent: unknown = value;
    for (const step of path.slice(0, -1)) parent = (parent as Members)[step];
    if (Array.isArray(parent)) {
      if (to !== undefined) parent[Number(path.at(-1))] = structuredClone(to);
      return;
    }
    const members = parent as Members;
    const name = more ? "extra" : (path.at(-1) ?? "");
    if (to === undefined) Reflect.deleteProperty(members, name);
    else members[name] = structuredClone(to);
  }

  it("refuses to be one for a schema of a kind that it does not know", () => {
    const unknown = [
      z.object({}),
      z.number(),
      z.string().trim(),
      z.string().transform(Number),
      z.strictObject({ a: z.string().default("x") }),
      z.string().regex(/a/g),
      z.record(z.string(), z.string()),
      z.int().multipleOf(2),
    ];
    for (const schema of unknown) expect(() => acceptor(schema as z.ZodType)).to.throw(TypeError, "no plain test");
  });
});
