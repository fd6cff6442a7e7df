import { expect } from "chai";
import { canonical, fromUtf8, hashText, leafOf } from "../log/index.js";
import { expectThrow } from "../testing/expect.js";
import { parseRecord, recordLeaf, recordText, splitRecordText } from "./index.js";

const DIGEST = "A".repeat(43);
const face = {
  v: "quanji.record.v1",
  type: "void",
  log: "quanji.test/demo/holder/0",
  index: 7,
  hour: "2026-03-02T01Z",
  unit: "91510100MAQJ006421",
};
const body = {
  id: "019360c2-8000-7000-8000-000000000000",
  nonce: "AAAAAAAAAAAAAAAAAAAAAA",
  request: DIGEST,
  requester: `91510100MAQJ006421#${DIGEST}`,
  time: "2026-03-02T01:00:00.000Z",
  links: { party: DIGEST },
  seq: 3,
};
const bytes = (faceChange: object = {}, bodyChange: object = {}) => ({
  face: canonical({ ...face, ...faceChange }),
  body: canonical({ ...body, ...bodyChange }),
});

describe("domain: records", () => {
  it("come back from their bytes, and their leaf is made of both texts", () => {
    const record = bytes();
    expect(parseRecord(record)).to.deep.equal({ type: "void", face, body });
    expect(hashText(recordLeaf(record))).to.equal(hashText(leafOf(record.face, record.body)));
    expect(splitRecordText(recordText(record))).to.deep.equal(record);
  });

  it("refuse what their version and type do not know, each with its code", () => {
    const rows: readonly (readonly [string, ReturnType<typeof bytes>])[] = [
      ["VERSION_UNKNOWN", bytes({ v: "quanji.record.v2" })],
      ["TYPE_UNKNOWN", bytes({ type: "index" })],
      ["FIELD_UNKNOWN", bytes({ purpose: "risk" })],
      ["FIELD_UNKNOWN", bytes({}, { seq: "3" })],
      ["FIELD_UNKNOWN", bytes({}, { more: 1 })],
      ["NOT_CANONICAL", bytes({ unit: "气象局" })],
      ["NOT_CANONICAL", { ...bytes(), body: ` ${bytes().body}` }],
    ];
    for (const [detail, record] of rows) expectThrow(() => parseRecord(record), "MALFORMED", detail);
    for (const text of ["", "one line", "a\nb\nc"])
      expectThrow(() => splitRecordText(text), "MALFORMED", "NOT_CANONICAL");
  });

  it("an access that names a grant links to it, and only then", () => {
    const access = {
      face: { ...face, type: "access", class: "c", count: 1, decision: "deny", purpose: "p", steward: "s" },
      body: {
        ...body,
        action: "query",
        basis: { boundary: 0, orders: 0, party: 1, resource: 1 },
        links: { party: DIGEST, resource: DIGEST },
        obligations: [],
        quantity: 1,
        resource: "res/a@1",
        rule: "GRANT_MISSING",
        used: 0,
      },
    };
    const { seq: _seq, ...rest } = access.body;
    const of = (change: object) => ({ face: canonical(access.face), body: canonical({ ...rest, ...change }) });
    expect(parseRecord(of({})).type).to.equal("access");
    const grant = `${body.id}@1`;
    expectThrow(() => parseRecord(of({ grant })), "MALFORMED", "LINK_MISSING");
    expectThrow(() => parseRecord(of({ links: { ...rest.links, grant: DIGEST } })), "MALFORMED", "LINK_MISSING");
    expectThrow(() => parseRecord(of({ rule: "NOT_A_RULE" })), "MALFORMED", "FIELD_UNKNOWN");
    expect(fromUtf8(new TextEncoder().encode(of({ grant, links: { ...rest.links, grant: DIGEST } }).body))).to.contain(
      grant,
    );
  });
});
