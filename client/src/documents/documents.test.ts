import { gunzipSync } from "node:zlib";
import { Bitstring } from "@digitalbazaar/bitstring";
import { apportion } from "@quanji/chaincode/domain";
import { toBase64url, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import {
  bitsOf,
  buildDisclosure,
  buildInvoice,
  decodeBits,
  documentText,
  encodeBits,
  Invoice,
  isSet,
  major,
  newCode,
  parseDocumentText,
  STATUS_LIST_SIZE,
  typedCode,
} from "./index.js";
import { EXCHANGE, facts, NET, OFFERED, parts, statement, taken, TARIFF } from "./sample.support.test.js";

const detailOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { detail?: string }).detail;
  }
};

describe("amounts on paper", () => {
  it("have the digits of their currency, and no float ever", () => {
    expect(major("6393847", "CNY")).to.equal("63938.47");
    expect(major("-95001", "CNY")).to.equal("-950.01");
    expect(major("7", "CNY")).to.equal("0.07");
    expect(major("0", "CNY")).to.equal("0.00");
    expect(major("1500", "JPY")).to.equal("1500");
    expect(major("1500", "KWD")).to.equal("1.500");
    expect(major("123456789012345678901234567890", "CNY")).to.equal("1234567890123456789012345678.90");
  });

  it("lead back to the minor units", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        fc.constantFrom("CNY", "JPY", "KWD", "CLF"),
        (n, code) => {
          expect(BigInt(major(n, code).replace(".", ""))).to.equal(n);
        },
      ),
    );
  });
});

describe("an invoice's figures", () => {
  it("are those of S5: three tiers, one package taken back, 4 : 3 : 3", () => {
    const invoice = buildInvoice(facts({ adjustments: [taken()] }));
    expect(Invoice.parse(invoice)).to.deep.equal(invoice);
    expect(invoice.InvoiceLine.map((line) => line.LineExtensionAmount.minor)).to.deep.equal([
      "1288880",
      "4439960",
      "665007",
    ]);
    expect(invoice.LegalMonetaryTotal.LineExtensionAmount.value).to.equal("63938.47");
    expect(invoice.LegalMonetaryTotal.PayableAmount).to.deep.equal({
      currencyID: "CNY",
      minor: "6298846",
      value: "62988.46",
    });
    expect(invoice.quanji.split.portions.map(({ amount }) => amount)).to.deep.equal(["2557539", "1918154", "1918154"]);
    expect(invoice.quanji.adjustments[0]?.split.portions.map(({ amount }) => amount)).to.deep.equal([
      "-38001",
      "-28500",
      "-28500",
    ]);
  });

  it("add up: lines, charges and allowances make what is payable", () => {
    const tariffs = fc.record({ adjust: fc.bigInt({ min: -500_000n, max: 0n }) });
    fc.assert(
      fc.property(tariffs, ({ adjust }) => {
        const adjustments = adjust === 0n ? [] : [{ ...taken(), ...parts(adjust) }];
        const { LegalMonetaryTotal: total } = buildInvoice(facts({ adjustments }));
        const sum =
          BigInt(total.LineExtensionAmount.minor) -
          BigInt(total.AllowanceTotalAmount.minor) +
          BigInt(total.ChargeTotalAmount.minor);
        expect(sum).to.equal(BigInt(total.PayableAmount.minor));
        expect(sum).to.equal(BigInt(total.TaxExclusiveAmount.minor));
      }),
    );
    expect(apportion(6_393_847n, [4n, 3n, 3n])).to.deep.equal([2_557_539n, 1_918_154n, 1_918_154n]);
  });

  it("with a credit note beside leave that adjustment to it", () => {
    const adjustment = taken();
    const invoice = {
      id: adjustment.id,
      code: "0".repeat(26),
      digest: "A".repeat(43),
      issued: adjustment.at,
      adjustments: 0,
      creditNotes: [{ code: "1".repeat(26), digest: "B".repeat(43), adjustment: adjustment.id }],
      settledBy: [],
    };
    const built = buildInvoice(facts({ adjustments: [adjustment], invoice }));
    expect(built.LegalMonetaryTotal.PayableAmount.minor).to.equal("6393847");
    expect(built.quanji.adjustments).to.deep.equal([]);
  });
});

describe("a disclosure", () => {
  it("sums statements by product: revenue, free share, highest price, and what was earned above the allowance", () => {
    const offer = {
      ...OFFERED,
      tariffs: [{ version: 1, tariff: { ...TARIFF, cap: "130000", allowance: "6000000" }, published: OFFERED.at }],
    };
    const billed = [
      { statement: statement({ adjustments: [taken()] }), contract: { id: "a" }, offer },
      { statement: statement({ period: "2026-04", ...parts(100n), lines: [] }), contract: { id: "a" }, offer },
    ];
    const { products } = buildDisclosure({ net: NET, operator: EXCHANGE, year: 2026, code: "0".repeat(26), billed });
    expect(products).to.have.length(1);
    expect(products[0]).to.deep.include({
      cap: "130000",
      contracts: 1,
      deliveries: "57",
      free: "0",
      quantity: "56",
      revenue: String(6_298_846 + 100),
      highest: { amount: "128888", per: 1 },
    });
    expect(products[0]?.months).to.deep.equal([
      { period: "2026-03", allowed: "6000000", excess: "298846", revenue: "6298846" },
      { period: "2026-04", allowed: "5701154", excess: "0", revenue: "100" },
    ]);
  });

  it("takes no statement twice, and none of another operator or year", () => {
    const item = { statement: statement(), contract: { id: "a" }, offer: OFFERED };
    const of =
      (billed: (typeof item)[], over: object = {}) =>
      () =>
        buildDisclosure({ net: NET, operator: EXCHANGE, year: 2026, code: "0".repeat(26), billed, ...over });
    expect(of([item, item])).to.throw();
    expect(of([item], { year: 2025 })).to.throw();
    expect(of([item], { operator: "91110000MAQJ0044X9" })).to.throw();
  });
});

describe("documents' canonical form", () => {
  it("is one spelling: anything else that parses to the same is refused", () => {
    const value = { ID: "1", a: [1, { "@context": "x" }], IssueDate: "2026-04-01" };
    const text = documentText(value);
    expect(parseDocumentText(utf8(text))).to.deep.equal(value);
    for (const [bad, detail] of [
      [` ${text}`, "NOT_CANONICAL"],
      [JSON.stringify(value), "NOT_CANONICAL"],
      ['{"a":1,"a":1}', "NOT_CANONICAL"],
      ['{"a":1.5}', "NUMBER_FORBIDDEN"],
      ['{"a":null}', "NOT_CANONICAL"],
      ['{"__proto__":1}', "FIELD_UNKNOWN"],
      ['{"a":"\\ud800"}', "NOT_UTF8"],
      ["[]", "NOT_CANONICAL"],
    ] as const) {
      expect(
        detailOf(() => parseDocumentText(utf8(bad))),
        bad,
      ).to.equal(detail);
    }
    expect(
      detailOf(() =>
        documentText(
          "["
            .repeat(20)
            .split("")
            .reduce<unknown>((inner) => [inner], 1),
        ),
      ),
    ).to.equal("LIMIT_EXCEEDED");
  });
});

describe("a document's code", () => {
  it("has 130 bits of Crockford's base32, and is read as people type it", () => {
    const code = newCode((n) => Uint8Array.from({ length: n }, (_, i) => i * 37));
    expect(code).to.match(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(typedCode("o123-4l67 89ab-cdef-ghjk-mnpq-rs")).to.equal("0123416789ABCDEFGHJKMNPQRS");
  });
});

describe("a status list", () => {
  it("is read by an independent implementation, and reads what that one writes", async () => {
    const revoked = [0, 1, 7, 8, 4_711, STATUS_LIST_SIZE - 1];
    const encoded = await encodeBits(bitsOf(revoked));
    expect(encoded.startsWith("u")).to.equal(true);
    const theirs = new Bitstring({ buffer: await Bitstring.decodeBits({ encoded: encoded.slice(1) }) });
    for (const index of [...revoked, 2, 6, 9, 4_710, STATUS_LIST_SIZE - 2]) {
      expect(theirs.get(index), String(index)).to.equal(revoked.includes(index));
    }
    const written = new Bitstring({ length: STATUS_LIST_SIZE });
    for (const index of revoked) written.set(index, true);
    const bits = await decodeBits(`u${await written.encodeBits()}`);
    expect(Buffer.from(bits).equals(Buffer.from(bitsOf(revoked)))).to.equal(true);
    expect(gunzipSync(Buffer.from(encoded.slice(1), "base64url"))[0]).to.equal(0b1100_0001);
  });

  it("is refused where it is no such list, is short, or unpacks to more than it may", async () => {
    const packed = async (length: number): Promise<string> => encodeBits(new Uint8Array(length));
    for (const [text, detail] of [
      ["z", "STATUS_LIST_MALFORMED"],
      ["uAAAA", "STATUS_LIST_MALFORMED"],
      [`u${toBase64url(utf8("no gzip"))}`, "STATUS_LIST_MALFORMED"],
      [await packed(16 * 1024 - 1), "STATUS_LIST_MALFORMED"],
      [await packed(1 << 22), "LIMIT_EXCEEDED"],
      ["u====", "BASE64_INVALID"],
    ] as const) {
      const told = await decodeBits(text).then(
        () => "taken",
        (error: unknown) => (error as { detail?: string }).detail,
      );
      expect(told, text.slice(0, 20)).to.equal(detail);
    }
    expect(isSet(bitsOf([9]), 9)).to.equal(true);
    expect(isSet(bitsOf([9]), 8)).to.equal(false);
    expect(detailOf(() => bitsOf([STATUS_LIST_SIZE]))).to.equal("INDEX_RANGE");
  });
});
