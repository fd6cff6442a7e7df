import { readFile, writeFile } from "node:fs/promises";
import { fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { SettledMonth } from "../verify/money/month.support.test.js";
import { trustFile } from "../verify/support.test.js";
import { Desk } from "./io.test.js";

describe("quanji invoice", () => {
  let desk: Desk;
  let text: string;
  const VERIFY = ["invoice", "verify", "march.invoice.ndjson", "--trust", "trust.json"];

  before(async () => {
    desk = await Desk.open();
    const month = await SettledMonth.begin({ uses: 3 });
    await month.close();
    text = await month.file(await month.issue());
    await writeFile(desk.path("march.invoice.ndjson"), text);
    await writeFile(
      desk.path("trust.json"),
      trustFile({ ...month.world.trustPayload(), expires: "2999-01-01T00:00:00.000Z" }),
    );
  });
  after(() => desk.close());

  it("verify says what is proven, for people and for programs", async () => {
    const { exitCode, out } = await desk.run(VERIFY);
    expect([exitCode, out], out).to.satisfy(([code]: [number]) => code === 0);
    expect(out).to.include("VALID  data invoice march.invoice.ndjson").and.include("total 3687.75 CNY");
    const { json } = await desk.run([...VERIFY, "--json"]);
    expect(json).to.include({ ok: true, kind: "invoice", total: "368775", evidence: "ledger" });
    expect((await desk.run([...VERIFY, "--lang", "zh"])).out)
      .to.include("数据发票")
      .and.include("已证明账本载有此单证");
  });

  it("verify ends with 1 for one cent, one tier and one record changed, each with its code", async () => {
    const [first = "", ...rest] = text.split("\n");
    const head = JSON.parse(first) as { jws: { payload: string } };
    const payload = fromUtf8(fromBase64url(head.jws.payload));
    const edited = (from: string, to: string): string => {
      expect(payload).to.include(from);
      const jws = { ...head.jws, payload: toBase64url(utf8(payload.replace(from, to))) };
      return [JSON.stringify({ ...head, jws }), ...rest].join("\n");
    };
    const record = rest.findIndex((line) => line.includes('"t":"record"'));
    for (const [file, code] of [
      [
        edited('"minor":"368775","value":"3687.75"', '"minor":"368774","value":"3687.74"'),
        "TOTAL_MISMATCH · AMOUNT_DIFFERS",
      ],
      [
        edited('"minor":"128888","value":"1288.88"', '"minor":"128889","value":"1288.89"'),
        "TOTAL_MISMATCH · TIER_DIFFERS",
      ],
      [[first, ...rest.filter((_, at) => at !== record)].join("\n"), "TRAIL_INCOMPLETE · TRAIL_START"],
    ] as const) {
      await writeFile(desk.path("changed.ndjson"), file);
      const { exitCode, out } = await desk.run(["invoice", "verify", "changed.ndjson", "--trust", "trust.json"]);
      expect([exitCode, out.includes(code)], out).to.deep.equal([1, true]);
    }
  });

  it("pdf makes a page, show prints what is in the file, and both say that they prove nothing", async () => {
    const made = await desk.run(["invoice", "pdf", "march.invoice.ndjson", "--out", "march.pdf"]);
    expect([made.exitCode, made.err.includes("proves nothing")], made.err).to.deep.equal([0, true]);
    expect((await readFile(desk.path("march.pdf"))).subarray(0, 5).toString()).to.equal("%PDF-");
    const shown = await desk.run(["invoice", "show", "march.invoice.ndjson"]);
    expect([
      shown.exitCode,
      shown.out.includes('"InvoiceTypeCode": "380"'),
      shown.err.includes("not verified"),
    ]).to.deep.equal([0, true, true]);
    const jwt = await desk.run(["invoice", "show", "march.invoice.ndjson", "--jwt"]);
    expect(jwt.out.trim().split(".")).to.have.length(3);
  });

  it("needs a trust file, and a code that is one", async () => {
    expect((await desk.run(VERIFY.slice(0, 3))).exitCode).to.equal(2);
    expect((await desk.run(["document", "abc"])).exitCode).to.equal(2);
  });
});
