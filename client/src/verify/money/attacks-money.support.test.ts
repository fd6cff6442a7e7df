/** Attacks on documents as files: each with the code that it must be refused with. Holds no test itself. */
import { canonical, type FlattenedJws, fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import { PARTIES, sealed, signer } from "../support.test.js";
import { payloadOf, SettledMonth, tampered } from "./month.support.test.js";

/** Reads `a.0.b` and replaces what is there. */
export function set(payload: Record<string, unknown>, path: string, edit: (value: never) => unknown): void {
  const names = path.split(".");
  const last = names.pop()!;
  const parent = names.reduce<Record<string, unknown>>((at, name) => at[name] as Record<string, unknown>, payload);
  parent[last] = edit(parent[last] as never);
}
export const plus = (by: bigint) => (text: string) => String(BigInt(text) + by);

const OTHER_ID = "0b0f2c52-6d7e-4f0a-8b1c-2d3e4f5a6b7c";
const ROOT = "A".repeat(43);

/** Members of an invoice. */
export const CHANGES: readonly (readonly [path: string, edit: (value: never) => unknown, code: string])[] = [
  ["LegalMonetaryTotal.PayableAmount.minor", plus(1n), "TOTAL_MISMATCH · AMOUNT_DIFFERS"],
  ["LegalMonetaryTotal.PayableAmount.value", () => "6697.77", "TOTAL_MISMATCH · AMOUNT_DIFFERS"],
  ["InvoiceLine.0.LineExtensionAmount.minor", plus(-1n), "TOTAL_MISMATCH · AMOUNT_DIFFERS"],
  ["InvoiceLine.1.Price.PriceAmount.value", () => "1110.00", "TOTAL_MISMATCH · AMOUNT_DIFFERS"],
  [
    "InvoiceLine.1.Price.PriceAmount",
    () => ({ currencyID: "CNY", minor: "111000", value: "1110.00" }),
    "TOTAL_MISMATCH · TIER_DIFFERS",
  ],
  ["InvoiceLine.1.quanji.tier", () => 1, "TOTAL_MISMATCH · TIER_DIFFERS"],
  ["InvoiceLine.2.InvoicedQuantity.value", () => "3", "TOTAL_MISMATCH · QUANTITY_DIFFERS"],
  ["InvoiceLine.0.quanji.deliveries", () => 3, "TOTAL_MISMATCH · DELIVERIES_DIFFER"],
  ["InvoiceLine.0.quanji.root", () => ROOT, "TOTAL_MISMATCH · DELIVERIES_DIFFER"],
  ["quanji.evidenceRoot", () => ROOT, "TOTAL_MISMATCH · DELIVERIES_DIFFER"],
  ["quanji.split.portions.0.amount", plus(1n), "TOTAL_MISMATCH · SPLIT_DIFFERS"],
  ["quanji.split.portions.1.party", () => PARTIES.insurer.id, "TOTAL_MISMATCH · SPLIT_DIFFERS"],
  ["quanji.split.suspense", () => "1", "TOTAL_MISMATCH · SPLIT_DIFFERS"],
  ["quanji.tariff", () => 2, "TOTAL_MISMATCH · TIER_DIFFERS"],
  ["quanji.logs.0.to", (to: number) => to - 1, "TOTAL_MISMATCH · DELIVERIES_DIFFER"],
  [
    "AccountingCustomerParty.Party.PartyIdentification.ID",
    () => PARTIES.operator.id,
    "PROOF_INVALID · DOCUMENT_DIFFERS",
  ],
  ["InvoicePeriod.EndDate", () => "2026-03-30", "PROOF_INVALID · DOCUMENT_DIFFERS"],
  ["InvoiceLine.0.Item.Name", () => "Something else", "PROOF_INVALID · DOCUMENT_DIFFERS"],
  ["quanji.contract", () => OTHER_ID, "PROOF_INVALID · DOCUMENT_EVIDENCE"],
  ["quanji.period", () => "2026-04", "PROOF_INVALID · DOCUMENT_EVIDENCE"],
  ["quanji.net", () => "quanji.other/net", "PROOF_INVALID · DOCUMENT_DIFFERS"],
  ["ID", () => "0000000000000000000000ABCD", "PROOF_INVALID · DOCUMENT_DIFFERS"],
  ["IssueDate", () => "2026-04-09", "PROOF_INVALID · DOCUMENT_UNKNOWN"],
  [
    "AccountingSupplierParty.Party.PartyLegalEntity.RegistrationName",
    () => "另一家",
    "PROOF_INVALID · DOCUMENT_UNKNOWN",
  ],
];

export interface DocumentAttack {
  readonly name: string;
  readonly expected: string;
  readonly file: () => Promise<string>;
}

let month: SettledMonth;
let invoice: FlattenedJws;

/** Makes the invoice that is attacked. */
export async function prepareDocuments(): Promise<void> {
  month = await SettledMonth.begin();
  await month.close();
  invoice = await month.issue();
}
export const untouchedInvoice = (): Promise<string> => month.file(invoice);

/** `ok`, or code and finer code. */
export async function verdictOnDocument(file: string): Promise<string> {
  const { ok, code = "", detail = "" } = await month.verify(file);
  return ok ? "ok" : `${code} · ${detail}`;
}

const withHeader = (change: object): FlattenedJws => ({
  ...invoice,
  protected: toBase64url(
    utf8(canonical({ ...(JSON.parse(fromUtf8(fromBase64url(invoice.protected))) as object), ...change })),
  ),
});

const HEADERS: readonly (readonly [change: object, code: string])[] = [
  [{ typ: "quanji-voucher+jws" }, "PROOF_INVALID · MALFORMED"],
  [{ typ: "vc+jwt" }, "PROOF_INVALID · MALFORMED"],
  [{ typ: "quanji-receipt+jws" }, "PROOF_INVALID · TYP_MISMATCH"],
  [{ alg: "none" }, "PROOF_INVALID · ALG_FORBIDDEN"],
  [{ alg: "HS256" }, "PROOF_INVALID · ALG_FORBIDDEN"],
  [{ alg: "EdDSA" }, "PROOF_INVALID · DOCUMENT_UNKNOWN"],
  [{ jwk: { kty: "OKP" } }, "PROOF_INVALID · HEADER_FORBIDDEN"],
  [{ crit: ["b64"] }, "PROOF_INVALID · HEADER_FORBIDDEN"],
  [{ kid: "nobody" }, "PROOF_INVALID · JWS_SHAPE"],
];

const isRecord = (line: object): boolean => (line as { t: string }).t === "record";

/** The evidence with commands of the contract's chain shown by their entries alone. */
async function withholding(
  which: (verb: string, nth: number) => boolean,
  change: (entry: string) => string = (entry) => entry,
): Promise<string> {
  let [isContract, nth] = [false, 0];
  const lines = (await month.lines()).map((line) => {
    const { t, kind, entry = "" } = line as { readonly t: string; readonly kind?: string; readonly entry?: string };
    if (t === "chain") isContract = kind === "contract";
    if (t !== "command" || !isContract) return line;
    return which((JSON.parse(entry) as { readonly verb: string }).verb, nth++)
      ? { t: "withheld", entry: change(entry) }
      : line;
  });
  return month.file(invoice, sealed(lines));
}

/** A copy of the evidence's lines with one edit around its n-th record. */
async function around(n: number, edit: (lines: object[], at: number) => object[]): Promise<string> {
  const lines = await month.lines();
  const at = lines.flatMap((line, i) => (isRecord(line) ? [i] : []))[n]!;
  return month.file(invoice, sealed(edit(lines, at)));
}

export const ON_DOCUMENTS: readonly DocumentAttack[] = [
  ...CHANGES.flatMap(([path, edit, expected]) => {
    const changed = (): FlattenedJws => tampered(invoice, (payload) => set(payload, path, edit));
    return [
      { name: `invoice: another ${path}`, expected, file: () => month.file(changed()) },
      {
        name: `invoice: another ${path}, signed anew by its issuer`,
        expected,
        file: async () => month.file(await month.sign("invoice", payloadOf(changed()))),
      },
    ];
  }),
  ...HEADERS.map(([change, expected]) => ({
    name: `invoice: header ${JSON.stringify(change)}`,
    expected,
    file: () => month.file(withHeader(change)),
  })),
  {
    name: "invoice: signed by the buyer",
    expected: "PROOF_INVALID · DOCUMENT_UNKNOWN",
    file: async () => month.file(await month.sign("invoice", payloadOf(invoice), "insurer")),
  },
  {
    name: "invoice: signed by a stranger's key in the issuer's name",
    expected: "PROOF_INVALID · DOCUMENT_UNKNOWN",
    file: async () => month.file(await month.sign("invoice", payloadOf(invoice), "bureau", signer("stranger"))),
  },
  {
    name: "invoice: another signature",
    expected: "PROOF_INVALID · SIGNATURE_INVALID",
    file: () => month.file({ ...invoice, signature: toBase64url(new Uint8Array(64).fill(7)) }),
  },
  {
    name: "evidence: none",
    expected: "TRAIL_INCOMPLETE · DOCUMENT_UNPROVEN",
    file: () => month.file(invoice, ""),
  },
  {
    name: "evidence: a delivery taken out",
    expected: "TRAIL_INCOMPLETE · TRAIL_GAP",
    file: () => around(1, (lines, at) => lines.filter((_, n) => n !== at)),
  },
  {
    name: "evidence: the last record taken out",
    expected: "TRAIL_INCOMPLETE · TRAIL_TRUNCATED",
    file: () => around(11, (lines, at) => lines.filter((_, n) => n !== at)),
  },
  {
    name: "evidence: a delivery twice",
    expected: "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
    file: () => around(1, (lines, at) => [...lines.slice(0, at + 1), ...lines.slice(at)]),
  },
  {
    name: "evidence: a delivery with another count of rows",
    expected: "PROOF_INVALID · LEAF_MISMATCH",
    file: () =>
      around(1, (lines, at) => {
        const line = lines[at] as { r: string };
        return lines.with(at, { ...line, r: line.r.replace('"rows":1', '"rows":2') });
      }),
  },
  {
    name: "evidence: a trail that ends before the month",
    expected: "PROOF_INVALID · DOCUMENT_EVIDENCE",
    file: async () => month.file(invoice, await month.evidence({ to: "2026-03-20T00:00:00.000Z" })),
  },
  {
    name: "evidence: a signature of the contract withheld",
    expected: "TRAIL_INCOMPLETE · COMMAND_WITHHELD",
    file: () => withholding((_verb, nth) => nth === 1),
  },
  {
    name: "evidence: the statement withheld",
    expected: "PROOF_INVALID · COMMAND_REFUSED",
    file: () => withholding((verb) => verb === "statement.close"),
  },
  {
    name: "evidence: the invoice's command withheld",
    expected: "TRAIL_INCOMPLETE · COMMAND_WITHHELD",
    file: () => withholding((verb) => verb === "invoice.issue"),
  },
  {
    name: "evidence: the whole month withheld",
    expected: "TRAIL_INCOMPLETE · COMMAND_WITHHELD",
    file: () => withholding((verb) => !verb.startsWith("contract.")),
  },
  {
    name: "evidence: a withheld command at another time",
    expected: "PROOF_INVALID · LEAF_MISMATCH",
    file: () =>
      withholding(
        (verb) => verb === "invoice.issue",
        (entry) => entry.replace(/"time":"2026-0[1-9]/, '"time":"2025-01'),
      ),
  },
  ...(["contract", "offer"] as const).map((chain) => ({
    name: `evidence: the ${chain}'s chain left out`,
    expected: chain === "offer" ? "TRAIL_INCOMPLETE · CHAIN_MISSING" : "PROOF_INVALID · DOCUMENT_EVIDENCE",
    file: async () => month.file(invoice, await month.evidence({ without: [`${chain} ${month[chain]}`] })),
  })),
];
