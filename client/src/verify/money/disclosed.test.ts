import { type FlattenedJws, fromBase64url, fromUtf8 } from "@quanji/chaincode/log";
import { privateScope } from "@quanji/chaincode/world";
import { expect } from "chai";
import { digestOf, type Disclosure, documentLine } from "../../documents/index.js";
import { MSP, NET, PARTIES, sealed, signer } from "../support.test.js";
import { disclosureOf } from "./disclosed.js";
import { payloadOf, SettledMonth, tampered } from "./month.support.test.js";
import { verifyDocument } from "./verify.js";
import { openYear } from "./year.js";
import { JANUARY, yearLines, type YearParts } from "./year.support.test.js";

const YEAR = 2026;
const OWN = privateScope(NET, MSP);

describe("a yearly disclosure", () => {
  let months: readonly SettledMonth[];
  let first: SettledMonth;
  let dispute: string;
  let second: SettledMonth;
  let account: Disclosure;
  let jws: FlattenedJws;
  let file: string;
  /** Before the account was published. */
  let early: object[];

  const linesOf = (parts: YearParts = {}): Promise<object[]> => yearLines(months, YEAR, parts);
  const evidence = async (parts: YearParts = {}): Promise<string> => sealed(await linesOf(parts));
  const verdict = async (text: string): Promise<string> => {
    const { ok, code, detail } = await verifyDocument(text, await first.world.trust());
    return ok ? "ok" : `${code ?? ""} · ${detail ?? ""}`;
  };
  const behind = async (of: FlattenedJws, parts: YearParts = {}): Promise<string> =>
    documentLine(of) + (await evidence(parts));
  const changed = (from: string, to: string): FlattenedJws => {
    const text = fromUtf8(fromBase64url(jws.payload));
    expect(text).to.include(from);
    return tampered(jws, () => JSON.parse(text.replace(from, to)) as object);
  };

  before(async () => {
    months = await SettledMonth.several({ uses: 6 }, { uses: 3 });
    [first, second] = months as [SettledMonth, SettledMonth];
    for (const month of months) await month.close();
    dispute = await first.dispute(5);
    const { world } = first;
    world.nowMs = JANUARY;
    early = await linesOf();
    const opened = await openYear(await evidence(), await world.trust());
    account = disclosureOf(opened, first.code());
    jws = await first.sign("disclosure", account);
    await world.command("disclosure.publish", { year: YEAR, code: account.code, digest: digestOf(jws) }, "bureau");
    file = await behind(jws);
  });

  it("verifies offline: all that its operator closed, and nothing on its word", async () => {
    const said = await verifyDocument(file, await first.world.trust());
    expect(said, `${said.detail ?? ""} ${said.message ?? ""}`).to.deep.include({
      ok: true,
      kind: "disclosure",
      document: account.code,
      issuer: PARTIES.bureau.id,
      period: "2026",
      scope: OWN,
      contracts: 2,
      statements: 2,
      later: 0,
      attested: [],
      evidence: "ledger",
    });
    // 669,776 of six calls and 368,775 of three.
    expect(
      account.products.map(({ quantity, revenue, contracts }) => ({ quantity, revenue, contracts })),
    ).to.deep.equal([{ quantity: "9", revenue: "1038551", contracts: 2 }]);
  });

  it("is refused for one figure changed, whoever signs it", async () => {
    for (const [from, to, expected] of [
      ['"revenue":"1038551"', '"revenue":"1038550"', "TOTAL_MISMATCH · AMOUNT_DIFFERS"],
      ['"quantity":"9"', '"quantity":"8"', "TOTAL_MISMATCH · QUANTITY_DIFFERS"],
      ['"contracts":2', '"contracts":1', "TOTAL_MISMATCH · QUANTITY_DIFFERS"],
      ['"deliveries":"9"', '"deliveries":"8"', "TOTAL_MISMATCH · DELIVERIES_DIFFER"],
      ['"highest":{"amount":"128888"', '"highest":{"amount":"95001"', "TOTAL_MISMATCH · TIER_DIFFERS"],
    ] as const) {
      const other = changed(from, to);
      expect(await verdict(await behind(other)), to).to.equal(expected);
      expect(await verdict(await behind(await first.sign("disclosure", payloadOf(other)))), to).to.equal(expected);
    }
  });

  it("is refused where a chain is left out of the evidence: no contract can be", async () => {
    const { bureau, regulator } = PARTIES;
    for (const left of [
      `contract ${second.contract}`,
      `offer ${second.offer}`,
      `acts ${bureau.id}`,
      `disclosures ${bureau.id}`,
      `party ${bureau.id}`,
    ]) {
      expect(await verdict(await behind(jws, { without: [left] })), left).to.equal("TRAIL_INCOMPLETE · CHAIN_MISSING");
    }
    expect(await verdict(await behind(jws, { without: [`directory ${NET}`] }))).to.equal(
      "TRAIL_INCOMPLETE · LOG_SET_INCOMPLETE",
    );
    expect(await verdict(await behind(jws, { party: regulator.id }))).to.equal("PROOF_INVALID · DOCUMENT_EVIDENCE");
  });

  it("that leaves a contract out is refused, though its operator signed and published it", async () => {
    const world = first.world;
    const opened = await openYear(await evidence(), await world.trust());
    const half = disclosureOf({ ...opened, billed: opened.billed.slice(0, 1) }, account.code);
    expect(await verdict(await behind(await first.sign("disclosure", half)))).to.match(/^TOTAL_MISMATCH · /);
  });

  it("is refused where a command of its operator is taken out, or the file cut", async () => {
    const lines = await linesOf();
    const acts = lines.findIndex((line) => "kind" in line && line.kind === "acts");
    const isClose = (line: object): boolean => "entry" in line && String(line.entry).includes("statement.close");
    const at = lines.findIndex((line, n) => n > acts && isClose(line));
    const without = sealed(lines.filter((_, n) => n !== at));
    expect(await verdict(documentLine(jws) + without)).to.equal("TRAIL_INCOMPLETE · TRAIL_TRUNCATED");
    const text = file.trimEnd().split("\n");
    expect(await verdict(`${text.slice(0, -1).join("\n")}\n`)).to.equal("TRAIL_INCOMPLETE · FILE_TRUNCATED");
    expect(await verdict(`${text.slice(0, 1).join("\n")}\n`)).to.equal("TRAIL_INCOMPLETE · FILE_TRUNCATED");
    expect(await verdict(`${file}${text.at(-1) ?? ""}\n`)).to.equal("PROOF_INVALID · LINE_ORDER");
  });

  it("is refused as another year's, with that year's evidence or with its own", async () => {
    const other = changed('"year":2026', '"year":2025');
    expect(await verdict(await behind(other))).to.equal("PROOF_INVALID · DOCUMENT_EVIDENCE");
    expect(await verdict(await behind(other, { year: 2025 }))).to.equal("TOTAL_MISMATCH · TIER_DIFFERS");
    expect(await verdict(await behind(jws, { year: 2025 }))).to.equal("PROOF_INVALID · DOCUMENT_EVIDENCE");
  });

  it("is refused from another issuer, under another code, or before the ledger held it", async () => {
    const signed = await first.sign("disclosure", account, "insurer");
    expect(await verdict(await behind(signed))).to.equal("PROOF_INVALID · DOCUMENT_UNKNOWN");
    const stranger = await first.sign("disclosure", account, "bureau", signer("stranger"));
    expect(await verdict(await behind(stranger))).to.equal("PROOF_INVALID · DOCUMENT_UNKNOWN");
    const code = changed(account.code, "Z".repeat(26));
    expect(await verdict(await behind(code))).to.equal("PROOF_INVALID · DOCUMENT_UNKNOWN");
    expect(await verdict(documentLine(jws) + sealed(early))).to.equal("PROOF_INVALID · DOCUMENT_UNKNOWN");
    expect(await verdict(await behind({ ...jws, signature: "A".repeat(86) }))).to.equal(
      "PROOF_INVALID · SIGNATURE_INVALID",
    );
  });

  it("still verifies when the year is adjusted afterwards, and says that it was", async () => {
    await first.withdraw(dispute, 5, "-95001");
    const text = await behind(jws);
    expect(await verdict(text)).to.equal("ok");
    expect(await verifyDocument(text, await first.world.trust())).to.include({ later: 1, statements: 2 });
    expect(await verdict(file), "the file of before").to.equal("ok");
    const opened = await openYear(await evidence(), await first.world.trust());
    expect(disclosureOf(opened, account.code)).to.deep.equal(account);
  });

  it("published with the digest of what another party signed is refused", async () => {
    months = await SettledMonth.several({ uses: 1 });
    const [month] = months as [SettledMonth];
    await month.close();
    month.world.nowMs = JANUARY;
    const trust = await month.world.trust();
    const built = disclosureOf(await openYear(await evidence(), trust), month.code());
    const foreign = await month.sign("disclosure", built, "insurer");
    const payload = { year: YEAR, code: built.code, digest: digestOf(foreign) };
    await month.world.command("disclosure.publish", payload, "bureau");
    const said = await verifyDocument(await behind(foreign), await month.world.trust());
    expect(`${said.code ?? ""} · ${said.detail ?? ""}`).to.equal("PROOF_INVALID · KEY_PARTY");
  });
});
