import { instant } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { buildStatusList, compactOf, documentLine, signDocument, statusListPath } from "../../documents/index.js";
import { GATEWAY, kidOf, PARTIES, sealed, signer, URLS } from "../support.test.js";
import {
  ON_DOCUMENTS,
  plus,
  prepareDocuments,
  set,
  untouchedInvoice,
  verdictOnDocument,
} from "./attacks-money.support.test.js";
import { extractOf, openStatusList } from "./index.js";
import { payloadOf, PERIOD, SettledMonth, signerOf, tampered } from "./month.support.test.js";

interface Refusal {
  readonly ok: boolean;
  readonly code?: string;
  readonly detail?: string;
  readonly message?: string;
  readonly at?: { readonly path?: string };
}

const told = (verdict: Refusal): string =>
  `${verdict.code ?? "ok"} · ${verdict.detail ?? ""} (${verdict.message ?? ""} ${verdict.at?.path ?? ""})`;
const refusedWith = (verdict: Refusal, ...codes: string[]): void => {
  expect(verdict.ok, told(verdict)).to.equal(false);
  expect(`${verdict.code ?? ""} · ${verdict.detail ?? ""}`, told(verdict)).to.be.oneOf(codes);
};
const isGood = (verdict: Refusal): void => void expect(verdict.ok, told(verdict)).to.equal(true);

describe("an invoice", () => {
  let month: SettledMonth;
  let invoice: FlattenedJws;
  let file: string;
  const TOTAL = "669776";

  before(async () => {
    month = await SettledMonth.begin();
    await month.close();
    invoice = await month.issue();
    file = await month.file(invoice);
  });

  it("verifies offline from its file", async () => {
    const verdict = await month.verify(file);
    isGood(verdict);
    expect(verdict).to.include({
      kind: "invoice",
      total: TOTAL,
      payable: TOTAL,
      currency: "CNY",
      period: PERIOD,
      lines: 3,
      deliveries: 6,
      evidence: "ledger",
      settled: false,
      completeThrough: instant(month.world.time * 1000),
    });
  });

  it("says the same however its file is cut into chunks", async () => {
    const bytes = utf8(file);
    async function* bits(size: number): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    for (const size of [1_000, 65_536]) {
      const { verifyDocument } = await import("./verify.js");
      isGood(await verifyDocument(bits(size), await month.world.trust()));
    }
  });

  it("without a line, with one twice, or with two swapped, is refused", async () => {
    const edits: ((lines: unknown[]) => unknown[])[] = [
      (lines) => lines.slice(1),
      (lines) => lines.slice(0, -1),
      (lines) => [...lines, lines[2]],
      ([a, b, c]) => [b, a, c],
    ];
    for (const edit of edits) {
      const changed = tampered(invoice, (payload) => set(payload, "InvoiceLine", edit));
      const verdict = await month.verify(await month.file(changed));
      expect(verdict.code, told(verdict)).to.equal("TOTAL_MISMATCH");
    }
  });

  it("is refused where its evidence lacks a record, has one twice, swapped or changed", async () => {
    const lines = await month.lines();
    const records = lines.flatMap((line, at) => ((line as { t: string }).t === "record" ? [at] : []));
    const variants: [object[], string[]][] = [];
    for (const at of records) {
      variants.push([lines.filter((_, n) => n !== at), ["TRAIL_INCOMPLETE", "PROOF_INVALID"]]);
      variants.push([
        [...lines.slice(0, at + 1), ...lines.slice(at)],
        ["TRAIL_INCOMPLETE", "PROOF_INVALID"],
      ]);
      const text = canonical(lines[at], { maxBytes: 1 << 20, maxDepth: 12 }).replace(
        String.raw`\"rows\":1`,
        String.raw`\"rows\":2`,
      );
      variants.push([lines.with(at, JSON.parse(text) as object), ["PROOF_INVALID", "TRAIL_INCOMPLETE"]]);
    }
    for (const at of records.slice(0, -1)) {
      variants.push([lines.with(at, lines[at + 1]!).with(at + 1, lines[at]!), ["TRAIL_INCOMPLETE", "PROOF_INVALID"]]);
    }
    let refused = 0;
    for (const [variant, codes] of variants) {
      const text = sealed(variant);
      if (text === sealed(lines)) continue; // an access has no rows
      const verdict = await month.verify(await month.file(invoice, text));
      expect(verdict.ok, told(verdict)).to.equal(false);
      expect(codes, told(verdict)).to.include(verdict.code);
      refused++;
    }
    expect(refused).to.be.greaterThan(30);
  });

  it("is refused where a tier of the offer, or any command of its chains, is changed in the evidence", async () => {
    const lines = (await month.lines()) as { t: string; request?: FlattenedJws }[];
    for (const [at, line] of lines.entries()) {
      if (line.t !== "command" || line.request === undefined) continue;
      const header = fromUtf8(fromBase64url(line.request.protected));
      if (!/offer\.list|contract\.sign|statement\.close|invoice\.issue/.test(header)) continue;
      const text = fromUtf8(fromBase64url(line.request.payload));
      const edited = text
        .replace("110999", "110998")
        .replace('"disputeDays":10', '"disputeDays":11')
        .replace(TOTAL, "669777");
      if (edited === text) continue;
      const changed = lines.with(at, { ...line, request: { ...line.request, payload: toBase64url(utf8(edited)) } });
      const verdict = await month.verify(await month.file(invoice, sealed(changed)));
      refusedWith(verdict, "PROOF_INVALID · REQUEST_MISMATCH");
    }
  });

  it("is refused without evidence, or with a cut one", async () => {
    refusedWith(await month.verify(documentLine(invoice)), "TRAIL_INCOMPLETE · DOCUMENT_UNPROVEN");
    const cut = file.split("\n").slice(0, -2).join("\n");
    refusedWith(await month.verify(`${cut}\n`), "TRAIL_INCOMPLETE · FILE_TRUNCATED");
    refusedWith(
      await month.verify(file.slice(file.indexOf("\n") + 1)),
      "PROOF_INVALID · TYPE_UNKNOWN",
      "PROOF_INVALID · NOT_CANONICAL",
    );
  });

  it("is refused with the chains of offer or contract left out, or the grant's plain trail", async () => {
    for (const chain of ["contract", "offer"] as const) {
      const evidence = await month.evidence({ without: [`${chain} ${month[chain]}`] });
      const verdict = await month.verify(await month.file(invoice, evidence));
      refusedWith(verdict, "TRAIL_INCOMPLETE · CHAIN_MISSING", "PROOF_INVALID · DOCUMENT_EVIDENCE");
    }
  });

  it("is refused with a trail that does not cover the month", async () => {
    const evidence = await month.evidence({ from: "2026-03-10T00:00:00.000Z" });
    const verdict = await month.verify(await month.file(invoice, evidence));
    refusedWith(
      verdict,
      "PROOF_INVALID · DOCUMENT_EVIDENCE",
      "TOTAL_MISMATCH · TIER_DIFFERS",
      "TOTAL_MISMATCH · QUANTITY_DIFFERS",
    );
    const early = await month.evidence({ to: "2026-03-20T00:00:00.000Z" });
    refusedWith(await month.verify(await month.file(invoice, early)), "PROOF_INVALID · DOCUMENT_EVIDENCE");
  });

  it("is refused with another contract's evidence", async () => {
    const other = await SettledMonth.begin({ uses: 3 });
    await other.close();
    const verdict = await other.verify(await other.file(invoice));
    expect(verdict.ok).to.equal(false);
    expect(verdict.code).to.be.oneOf(["PROOF_INVALID", "TOTAL_MISMATCH"]);
  });

  it("is refused under another signature than its issuer's", async () => {
    const payload = payloadOf(invoice);
    const sign = (by: "insurer" | "bureau", key = PARTIES[by].key) =>
      signDocument("invoice", payload, signerOf(by, key));
    // Another signer is another digest already; the ledger holds one.
    refusedWith(await month.verify(await month.file(await sign("insurer"))), "PROOF_INVALID · DOCUMENT_UNKNOWN");
    refusedWith(
      await month.verify(await month.file(await sign("bureau", signer("stranger")))),
      "PROOF_INVALID · DOCUMENT_UNKNOWN",
    );
    const { signature: _signature, ...rest } = invoice;
    const forged = { ...rest, signature: toBase64url(new Uint8Array(64).fill(7)) };
    refusedWith(await month.verify(await month.file(forged)), "PROOF_INVALID · SIGNATURE_INVALID");
  });

  it("is refused in any spelling but its own, and with an unprotected header", async () => {
    const spaced = { ...invoice, payload: toBase64url(utf8(JSON.stringify(payloadOf(invoice), null, 1))) };
    refusedWith(await month.verify(await month.file(spaced)), "PROOF_INVALID · NOT_CANONICAL");
    const extra = canonical({ jws: { ...invoice, header: {} }, t: "document", v: "quanji.document.v1" });
    refusedWith(await month.verify(`${extra}\n`), "PROOF_INVALID · JWS_SHAPE");
  });

  it("keeps what came after the month apart", async () => {
    const later = await SettledMonth.begin({ uses: 2 });
    await later.later();
    await later.close();
    const jws = await later.issue();
    const verdict = await later.verify(await later.file(jws));
    isGood(verdict);
    expect(verdict.total).to.equal("257776");
  });
});

describe("an invoice that its issuer lies in", () => {
  it("is refused although the ledger took it: one fen, signed and filed", async () => {
    const month = await SettledMonth.begin({ uses: 3 });
    await month.close();
    const edit = (payload: object): object => {
      const copy = structuredClone(payload) as Record<string, unknown>;
      set(copy, "LegalMonetaryTotal.PayableAmount", () => ({ currencyID: "CNY", minor: "368776", value: "3687.76" }));
      return copy;
    };
    const jws = await month.issue({ edit });
    refusedWith(await month.verify(await month.file(jws)), "TOTAL_MISMATCH · AMOUNT_DIFFERS");
  });

  it("is refused where the statement counts other deliveries than the records hold", async () => {
    const edits: ((lines: { quantity: string; deliveries: number; root: string; amount: string }[]) => void)[] = [
      ([first]) => Object.assign(first!, { root: "A".repeat(43) }),
    ];
    for (const edit of edits) {
      const month = await SettledMonth.begin({ uses: 2 });
      await month.close((payload) => {
        edit(payload.lines as never);
        return payload;
      });
      refusedWith(await month.verify(await month.file(await month.issue())), "TOTAL_MISMATCH · DELIVERIES_DIFFER");
    }
    const month = await SettledMonth.begin({ uses: 2 });
    await month.close((payload) => {
      const [line] = payload.lines;
      const second = {
        kind: "tier" as const,
        tier: 2,
        quantity: "1",
        amount: "110999",
        deliveries: 1,
        root: "A".repeat(43),
      };
      return { ...payload, lines: [line!, second], total: "368775" };
    });
    const verdict = await month.verify(await month.file(await month.issue()));
    expect(verdict.code, told(verdict)).to.equal("TOTAL_MISMATCH");
  });

  it("is refused where it is signed by a key that was replaced before, or by another party", async () => {
    const month = await SettledMonth.begin({ uses: 1 });
    await month.close();
    refusedWith(
      await month.verify(await month.file(await month.issue({ by: "insurer" }))),
      "PROOF_INVALID · KEY_PARTY",
    );
    const other = await SettledMonth.begin({ uses: 1 });
    await other.close();
    refusedWith(
      await other.verify(await other.file(await other.issue({ key: signer("never registered") }))),
      "PROOF_INVALID · KEY_PARTY",
    );
  });

  it("is refused where its key was reported compromised before", async () => {
    const month = await SettledMonth.begin({ uses: 1 });
    await month.close();
    const { world } = month;
    const stolen = signer("bureau's second", "ES256");
    const { possessionInput } = await import("@quanji/chaincode/log");
    await world.command(
      "party.rotateKey",
      {
        party: PARTIES.bureau.id,
        key: { jwk: stolen.jwk, purpose: "act", custody: "self" },
        possession: toBase64url(stolen.sign(possessionInput("quanji.test/city", PARTIES.bureau.id, stolen.jwk))),
      },
      "bureau",
    );
    await world.command(
      "party.compromiseKey",
      { party: PARTIES.bureau.id, thumbprint: stolen.print, since: instant(world.nowMs) },
      "bureau",
    );
    world.tick(600_000);
    const jws = await month.issue({ key: stolen });
    refusedWith(await month.verify(await month.file(jws)), "PROOF_INVALID · KEY_REVOKED");
  });
});

describe("a month's other terms", () => {
  it("discount, minimum, performance-free and free purposes come out as the ledger has them", async () => {
    for (const tariff of [
      { discountBps: 1250 },
      { minimum: "5000000" },
      { freePurposes: ["disaster.warning"] },
      { tiers: [{ amount: "37", per: 100 }], unit: "row" as const },
      { tiers: [{ amount: "99", per: 1 }], unit: "period" as const },
      { tiers: [{ amount: "99", per: 1 }], unit: "product" as const },
    ]) {
      const month = await SettledMonth.begin({
        uses: 3,
        tariff,
        purposes: (n) => (n === 1 ? "disaster.warning" : "insurance.pricing"),
      });
      await month.close();
      const jws = await month.issue();
      isGood(await month.verify(await month.file(jws)));
      const changed = tampered(jws, (payload) => set(payload, "LegalMonetaryTotal.TaxExclusiveAmount.minor", plus(1n)));
      refusedWith(await month.verify(await month.file(changed)), "TOTAL_MISMATCH · AMOUNT_DIFFERS");
    }
  });

  it("deliveries that await their acceptance are held, and billed to nobody", async () => {
    const month = await SettledMonth.begin({ uses: 4, counterparts: ["acceptance"], accepted: (n) => n !== 1 });
    await month.close();
    const jws = await month.issue();
    const verdict = await month.verify(await month.file(jws));
    isGood(verdict);
    expect(verdict.total).to.equal(String(2 * 128_888 + 110_999));
    const changed = tampered(jws, (payload) => set(payload, "quanji.held", () => []));
    refusedWith(await month.verify(await month.file(changed)), "TOTAL_MISMATCH · DELIVERIES_DIFFER");
  });
});

describe("after an invoice", () => {
  it("an open dispute is told; a credit note verifies, and the invoice says that it stands beside it", async () => {
    const month = await SettledMonth.begin();
    await month.close();
    const invoice = await month.issue();
    const dispute = await month.dispute(5);
    refusedWith(await month.verify(await month.file(invoice)), "PROOF_INVALID · DOCUMENT_DISPUTED");
    const note = await month.creditNote(dispute, 5, "-95001");
    const verdict = await month.verify(await month.file(note));
    isGood(verdict);
    expect(verdict).to.include({ kind: "creditNote", total: "-95001", payable: "574775" });
    const again = await month.verify(await month.file(invoice));
    isGood(again);
    expect(again).to.include({ total: "669776", payable: "574775" });
    expect(again.notes).to.have.length(1);
    for (const [path, code] of [
      ["LegalMonetaryTotal.PayableAmount.minor", "AMOUNT_DIFFERS"],
      ["quanji.split.portions.0.amount", "SPLIT_DIFFERS"],
      ["quanji.quantity", "QUANTITY_DIFFERS"],
    ] as const) {
      const changed = tampered(note, (payload) => set(payload, path, plus(1n)));
      refusedWith(await month.verify(await month.file(changed)), `TOTAL_MISMATCH · ${code}`);
    }
    const voucher = await month.settle("574775");
    const paid = await month.verify(await month.file(voucher));
    isGood(paid);
    expect(paid).to.include({ kind: "voucher", settled: true, payable: "574775" });
    const cent = tampered(voucher, (payload) => set(payload, "amount.minor", plus(-1n)));
    refusedWith(await month.verify(await month.file(cent)), "TOTAL_MISMATCH · AMOUNT_DIFFERS");
    expect(await month.verify(await month.file(invoice))).to.include({ ok: true, settled: true });
  });

  it("an adjustment before it is a part of it", async () => {
    const month = await SettledMonth.begin();
    await month.close();
    await month.withdraw(await month.dispute(5), 5, "-95001");
    const jws = await month.issue();
    const verdict = await month.verify(await month.file(jws));
    isGood(verdict);
    expect(verdict.total).to.equal("574775");
    expect(verdict.items?.at(-1)).to.deep.equal({ kind: "adjustment", amount: "-95001" });
    const shares = verdict.split?.portions.map(({ amount }) => BigInt(amount)) ?? [];
    expect(shares).to.have.length(3);
    expect(String(shares.reduce((sum, amount) => sum + amount))).to.equal("574775");
    const hidden = tampered(jws, (payload) => set(payload, "quanji.adjustments", () => []));
    expect((await month.verify(await month.file(hidden))).code).to.equal("TOTAL_MISMATCH");
  });
});

describe("a certificate", () => {
  let month: SettledMonth;
  let certificate: FlattenedJws & { readonly id: string };

  const list = async (
    revoked: number[],
    over: { url?: string; key?: ReturnType<typeof signer>; kid?: string; gateway?: string; until?: number } = {},
  ) => {
    const { nowMs } = month.world;
    const { key = GATEWAY, kid = kidOf("gw", key), url = URLS.gw + statusListPath(PARTIES.bureau.id) } = over;
    const payload = await buildStatusList({
      url,
      gateway: over.gateway ?? "gw",
      revoked,
      validFrom: instant(nowMs - 1000),
      validUntil: instant(over.until ?? nowMs + 900_000),
    });
    const sign = (data: Uint8Array) => key.sign(data);
    return compactOf(await signDocument("certificate", payload, { kid, alg: "EdDSA", sign }));
  };
  const openedList = async (...input: Parameters<typeof list>) =>
    openStatusList(await list(...input), await month.world.trust());

  const publicFile = async ({ payload, protected: header, signature }: FlattenedJws): Promise<string> => {
    const jws = { payload, protected: header, signature };
    let text = documentLine(jws);
    for await (const line of extractOf(await month.evidence(), jws)) text += line;
    return text;
  };

  before(async () => {
    month = await SettledMonth.begin({ uses: 3 });
    await month.close();
    certificate = await month.certify({ statusIndex: 0 });
  });

  it("verifies with its contract's evidence, and among strangers with public chains alone", async () => {
    const whole = await month.verify(await month.file(certificate));
    isGood(whole);
    expect(whole).to.include({ kind: "certificate", status: "valid", evidence: "ledger", deliveries: 3 });
    const text = await publicFile(certificate);
    for (const secret of ["128888", month.contract, month.offer, month.grant, PARTIES.insurer.id]) {
      expect(text).not.to.include(secret);
    }
    expect(text).not.to.include('"t":"record"');
    const shown = await month.verify(text);
    isGood(shown);
    expect(shown).to.include({ status: "unknown", evidence: "issuer" });
  });

  it("is valid or revoked as its issuer's list says", async () => {
    const text = await publicFile(certificate);
    expect(await month.verify(text, { statusList: await openedList([]) })).to.include({ ok: true, status: "valid" });
    expect(await month.verify(text, { statusList: await openedList([1]) })).to.include({ ok: true, status: "valid" });
    refusedWith(await month.verify(text, { statusList: await openedList([0]) }), "PROOF_INVALID · DOCUMENT_REVOKED");
  });

  it("is not told by the list of another issuer, a stale one, or one that no gateway of the network signed", async () => {
    const text = await publicFile(certificate);
    const other = await openedList([], { url: URLS.gw + statusListPath(PARTIES.insurer.id) });
    refusedWith(await month.verify(text, { statusList: other }), "PROOF_INVALID · STATUS_LIST_FOREIGN");
    const code = async (...input: Parameters<typeof list>) => {
      const text = await list(...input);
      return openStatusList(text, await month.world.trust()).then(
        () => "taken",
        (error: unknown) => (error as { detail?: string }).detail,
      );
    };
    expect(await code([], { key: signer("stranger") })).to.equal("GATEWAY_UNKNOWN");
    expect(await code([], { key: signer("stranger"), kid: kidOf("gw", GATEWAY) })).to.equal("SIGNATURE_INVALID");
    expect(await code([], { gateway: "gx" })).to.equal("STATUS_LIST_FOREIGN");
    expect(await code([], { url: "https://elsewhere.example/v1/statuses/x" })).to.equal("STATUS_LIST_FOREIGN");
    expect(await code([], { until: month.world.nowMs - 500 })).to.equal("STATUS_LIST_STALE");
  });

  it("with another count, registration, place in the list, or list, is refused", async () => {
    for (const [path, edit] of [
      ["credentialSubject.deliveries.count", (n: number) => n + 1],
      ["credentialSubject.deliveries.root", () => "A".repeat(43)],
      ["credentialSubject.registration", () => "A".repeat(43)],
      ["credentialSubject.lineage", () => ["res/other@1"]],
      ["credentialSubject.contract", () => "A".repeat(43)],
      ["credentialStatus.statusListIndex", () => "1"],
      ["issuer", () => `urn:quanji:party:${PARTIES.insurer.id}`],
      ["validFrom", () => "2026-05-01T00:00:00.000Z"],
    ] as const) {
      const changed = tampered(certificate, (payload) => set(payload, path, edit));
      const verdict = await month.verify(await month.file(changed));
      expect(verdict.ok, path).to.equal(false);
      expect((await month.verify(await publicFile(changed))).ok, `${path}, among strangers`).to.equal(false);
    }
    const elsewhere = "https://elsewhere.example/v1/statuses/urn:quanji:bureau";
    const edit = (payload: object): object => {
      const copy = structuredClone(payload) as Record<string, unknown>;
      set(copy, "credentialStatus.statusListCredential", () => elsewhere);
      set(copy, "credentialStatus.id", () => `${elsewhere}#1`);
      return copy;
    };
    const led = await month.certify({ edit, statusIndex: 1 });
    refusedWith(await month.verify(await month.file(led)), "PROOF_INVALID · STATUS_LIST_FOREIGN");
    refusedWith(await month.verify(await publicFile(led)), "PROOF_INVALID · STATUS_LIST_FOREIGN");
  });

  it("says revoked from its contract's chain, and was valid when issued", async () => {
    const own = await month.certify({ statusIndex: 2 });
    const before = await month.file(own);
    isGood(await month.verify(before));
    await month.revoke(own.id);
    const verdict = await month.verify(await month.file(own));
    refusedWith(verdict, "PROOF_INVALID · DOCUMENT_REVOKED");
    expect(verdict.message).to.include("valid when issued");
    // The file of before still proves what was true then, up to then.
    isGood(await month.verify(before));
  });

  it("among strangers needs its issuer's chain, and holds no private one", async () => {
    const lines = (await publicFile(certificate)).trimEnd().split("\n");
    const without = (kind: string, id: string): string => {
      const from = lines.findIndex((line) => line.includes(`"id":"${id}","kind":"${kind}"`));
      const to = lines.findIndex((line, at) => at > from && line.includes('"t":"chainEnd"'));
      return `${[...lines.slice(0, from), ...lines.slice(to + 1)].join("\n")}\n`;
    };
    refusedWith(await month.verify(without("party", PARTIES.bureau.id)), "TRAIL_INCOMPLETE · CHAIN_MISSING");
    refusedWith(await month.verify(without("resource", "res/weather.daily")), "TRAIL_INCOMPLETE · CHAIN_MISSING");
    refusedWith(await month.verify(`${lines.slice(0, -1).join("\n")}\n`), "TRAIL_INCOMPLETE · FILE_TRUNCATED");
    const smuggled = lines.with(-1, lines.at(-1)!);
    const records = (await month.evidence()).split("\n").filter((line) => line.includes('"t":"record"'));
    refusedWith(await month.verify(`${[...smuggled, records[0]].join("\n")}\n`), "PROOF_INVALID · LINE_ORDER");
  });

  it("whose validity has ended says so, whether or not a list stands beside it", async () => {
    const until = instant(month.world.nowMs + 60_000);
    const edit = (payload: object): object => ({ ...payload, validUntil: until });
    const ending = await month.certify({ edit, statusIndex: 3 });
    const text = await publicFile(ending);
    expect(await month.verify(text)).to.include({ ok: true, status: "unknown", validUntil: until });
    const trust = { ...(await month.world.trust()), nowMs: month.world.nowMs + 120_000 };
    expect(await month.verify(text, {}, trust)).to.include({ ok: true, status: "expired" });
    const statusList = await openedList([]);
    expect(await month.verify(text, { statusList }, trust)).to.include({ ok: true, status: "expired" });
    expect(await month.verify(await month.file(ending), {}, trust)).to.include({ ok: true, status: "expired" });
    const revoked = await openedList([3]);
    refusedWith(await month.verify(text, { statusList: revoked }, trust), "PROOF_INVALID · DOCUMENT_REVOKED");
  });
});

describe("attacks on documents as files", () => {
  before(prepareDocuments);

  it("what they begin from verifies", async () => {
    expect(await verdictOnDocument(await untouchedInvoice())).to.equal("ok");
  });

  for (const { name, expected, file } of ON_DOCUMENTS) {
    it(`${name}: ${expected}`, async () => expect(await verdictOnDocument(await file())).to.equal(expected));
  }
});
