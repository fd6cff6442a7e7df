import { readFile, writeFile } from "node:fs/promises";
import { fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { digestOf, documentLine } from "../documents/index.js";
import { disclosureOf, openYear } from "../verify/index.js";
import { SettledMonth } from "../verify/money/month.support.test.js";
import { JANUARY, yearLines } from "../verify/money/year.support.test.js";
import { sealed, trustFile } from "../verify/support.test.js";
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
    for (const line of [
      "payer urn:quanji:insurer",
      "payee urn:quanji:bureau “气象局”",
      "lines tier 1: 2 calls × 1288.88 CNY = 2577.76 CNY",
      "lines tier 2: 1 calls × 1109.99 CNY = 1109.99 CNY",
      "split urn:quanji:bureau “气象局”: 1475.10 CNY",
      "split urn:quanji:operator: 1106.33 CNY",
      "checked its issuer's signature, by a key that counted then",
      "not checked what came later: disputes, notes, payment",
    ]) {
      expect(out).to.include(`\n  ${line}\n`);
    }
    const { json } = await desk.run([...VERIFY, "--json"]);
    expect(json).to.include({ ok: true, kind: "invoice", total: "368775", evidence: "ledger" });
    expect(json).to.include({ seller: "urn:quanji:bureau", payer: "urn:quanji:insurer", payee: "urn:quanji:bureau" });
    const { split } = json as { split: { portions: { amount: string }[]; suspense: string } };
    expect(split.portions.map(({ amount }) => amount)).to.deep.equal(["147510", "110633", "110632"]);
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

describe("quanji document", () => {
  const CODE = "DG18E4RNVTM9E1DT7E3CY9YHV8";
  const at = { time: "2026-04-01T01:00:00.000Z", tx: "a" };
  const since = { time: "2026-04-02T01:00:00.000Z", tx: "b" };
  const found = { v: "quanji.document.v1", kind: "invoice", state: "issued", issuer: "X", digest: "A".repeat(43), at };
  let desk: Desk;
  beforeEach(async () => (desk = await Desk.open()));
  afterEach(() => desk.close());
  const lookUp = (status: number, body: unknown, ...flags: string[]) =>
    desk.run(["document", CODE, ...flags], { fetch: () => Promise.resolve(Response.json(body, { status })) });

  it("says what the gateway says of a code, and that this proves nothing", async () => {
    const { exitCode, out, err } = await lookUp(200, found);
    expect([exitCode, err.includes("not proven")]).to.deep.equal([0, true]);
    expect(out).to.match(/state +issued\nsince +2026-04-01/);
    const paid = await lookUp(200, { ...found, state: "settled", since }, "--json");
    expect(paid.json).to.deep.include({ code: CODE, state: "settled", since });
  });

  it("a code that nobody knows has exit code 1, and an answer that is none is refused", async () => {
    const unknown = await lookUp(404, { code: "NOT_FOUND" });
    expect([unknown.exitCode, unknown.out.includes("unknown")]).to.deep.equal([1, true]);
    for (const answer of [{ state: "issued" }, [], { ...found, at: 7 }, { ...found, since: { time: "soon" } }]) {
      const { exitCode, err } = await lookUp(200, answer);
      expect([exitCode, err.includes("MALFORMED")], err).to.deep.equal([1, true]);
    }
    expect((await lookUp(500, {})).exitCode).to.equal(3);
  });
});

describe("quanji disclosure", () => {
  let desk: Desk;
  let text: string;
  const FILE = "2026.disclosure.ndjson";
  /** The small world's year is over. */
  const AFTER = { clock: () => JANUARY + 60_000 };
  const verify = (file: string) => ["disclosure", "verify", file, "--trust", "trust.json"];

  before(async () => {
    desk = await Desk.open();
    const month = await SettledMonth.begin({ uses: 3 });
    await month.close();
    const { world } = month;
    world.nowMs = JANUARY;
    const evidence = async (): Promise<string> => sealed(await yearLines([month], 2026));
    const account = disclosureOf(await openYear(await evidence(), await world.trust()), month.code());
    const jws = await month.sign("disclosure", account);
    await world.command("disclosure.publish", { year: 2026, code: account.code, digest: digestOf(jws) }, "bureau");
    text = documentLine(jws) + (await evidence());
    await writeFile(desk.path(FILE), text);
    await writeFile(
      desk.path("trust.json"),
      trustFile({ ...world.trustPayload(), expires: "2999-01-01T00:00:00.000Z" }),
    );
  });
  after(() => desk.close());

  it("verify says of what it is proven, and ends with 1 for one figure and one act", async () => {
    const { exitCode, out } = await desk.run(verify(FILE), AFTER);
    expect(exitCode, out).to.equal(0);
    expect(out).to.include(`VALID  disclosure ${FILE}`).and.include("contracts 1").and.include("period 2026");
    expect((await desk.run([...verify(FILE), "--lang", "zh"], AFTER)).out)
      .to.include("年度披露")
      .and.include("合同数 1");
    const [first = "", ...rest] = text.split("\n");
    const head = JSON.parse(first) as { jws: { payload: string } };
    const payload = fromUtf8(fromBase64url(head.jws.payload)).replace('"revenue":"368775"', '"revenue":"368774"');
    const edited = JSON.stringify({ ...head, jws: { ...head.jws, payload: toBase64url(utf8(payload)) } });
    const act = rest.findLastIndex((line) => line.includes("statement.close"));
    for (const [file, code] of [
      [[edited, ...rest].join("\n"), "TOTAL_MISMATCH · AMOUNT_DIFFERS"],
      [[first, ...rest.filter((_, at) => at !== act)].join("\n"), "TRAIL_INCOMPLETE · TRAIL_TRUNCATED"],
    ] as const) {
      await writeFile(desk.path("changed.ndjson"), file);
      const changed = await desk.run(verify("changed.ndjson"), AFTER);
      expect([changed.exitCode, changed.out.includes(code)], changed.out).to.deep.equal([1, true]);
    }
  });

  it("show prints the account and says that it proves nothing; a year is a year", async () => {
    const shown = await desk.run(["disclosure", "show", FILE]);
    expect([
      shown.exitCode,
      shown.out.includes('"revenue": "368775"'),
      shown.err.includes("not verified"),
    ]).to.deep.equal([0, true, true]);
    expect((await desk.run(["disclosure", "verify", FILE])).exitCode).to.equal(2);
    expect((await desk.run(["disclosure", "build", "26"])).exitCode).to.equal(2);
    expect((await desk.run(["disclosure", "publish", "2026"])).exitCode).to.equal(2);
  });
});
