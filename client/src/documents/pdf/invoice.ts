/** The data invoice and its notes on paper. The signed file is the document; this shows it. */
import type { CreditNote } from "../credit-note.js";
import type { Invoice } from "../invoice.js";
import { Sheet } from "./page.js";
import { foot, head, type Pair, pairsOf, table, totalRow } from "./parts.js";

export interface PdfOptions {
  /** Base of the public look-up: `https://gateway.example/documents/`. */
  readonly lookup: string;
  /** SHA-256 of the JWS signing input, as on the ledger. */
  readonly digest: string;
  /** `<party>#<thumbprint>` that signed. */
  readonly kid: string;
  /** `false` where a test reads the page. */
  readonly compress?: boolean;
}

const UNITS = {
  call: "次 call",
  row: "行 row",
  byte: "字节 byte",
  period: "期 period",
  product: "件 product",
} as const;

type Party = Invoice["AccountingSupplierParty"]["Party"];
const partyText = ({ PartyIdentification: { ID }, PartyLegalEntity: { RegistrationName } }: Party): string =>
  RegistrationName === ID ? ID : `${RegistrationName} ${ID}`;

const small = ({ digest, kid, lookup }: PdfOptions, code: string, file: string): string[] => [
  `本页为签名文件的打印件，以签名文件为准。离线验证：quanji invoice verify ${file} --trust trust.json。查验：${lookup}${code}`,
  `This page shows a signed file, which alone counts. Verify it offline, or look its code up at the address above.`,
  `摘要 digest ${digest}`,
  `签发密钥 signed by ${kid}`,
];

/** Errors: those of fonts that the package lacks. */
export async function invoicePdf(invoice: Invoice, options: PdfOptions): Promise<Buffer> {
  const sheet = await Sheet.begin();
  const { ID: code, quanji, InvoicePeriod, DocumentCurrencyCode: currency, LegalMonetaryTotal: total } = invoice;
  head(sheet, { title: "数据发票", subtitle: "Data invoice", code, url: `${options.lookup}${code}` });
  const payee: readonly Pair[] =
    invoice.PayeeParty === undefined ? [] : [["收款与开具 Payee and issuer", partyText(invoice.PayeeParty)]];
  pairsOf(
    sheet,
    [
      ["销售方 Seller", partyText(invoice.AccountingSupplierParty.Party)],
      ["购买方 Buyer", partyText(invoice.AccountingCustomerParty.Party)],
      ...payee,
    ],
    [
      ["开具日期 Issued", invoice.IssueDate],
      ["计费期间 Period", `${InvoicePeriod.StartDate} – ${InvoicePeriod.EndDate}`],
      ["合同 Contract", `${quanji.contract} · v${quanji.contractVersion}`],
      ["费率版本 Tariff", `v${quanji.tariff} · ${currency} / ${UNITS[quanji.unit]}`],
    ],
  );
  table(
    sheet,
    [
      { title: "产品 Product", width: 33 },
      { title: "档 Tier", width: 9, align: "right" },
      { title: "数量 Quantity", width: 15, align: "right" },
      { title: "单价 Price", width: 19, align: "right" },
      { title: "交付 Deliveries", width: 17, align: "right" },
      { title: `金额 Amount`, width: 19, align: "right" },
    ],
    invoice.InvoiceLine.map(({ Item, InvoicedQuantity, Price, LineExtensionAmount, quanji: own }) => [
      `${Item.Name} ${Item.SellersItemIdentification.ID}`,
      own.tier === undefined ? "免 free" : String(own.tier),
      InvoicedQuantity.value,
      Price.BaseQuantity.value === "1"
        ? Price.PriceAmount.value
        : `${Price.PriceAmount.value} / ${Price.BaseQuantity.value}`,
      String(own.deliveries),
      LineExtensionAmount.value,
    ]),
  );
  totalRow(sheet, "合计 Sum of lines", total.LineExtensionAmount.value);
  for (const { AllowanceChargeReason, ChargeIndicator, Amount } of invoice.AllowanceCharge ?? []) {
    totalRow(sheet, AllowanceChargeReason, `${ChargeIndicator ? "" : "−"}${Amount.value}`);
  }
  sheet.down(6);
  totalRow(sheet, "应付金额 Payable", `${total.PayableAmount.value} ${currency}`, true);
  if (invoice.PaymentTerms !== undefined) foot(sheet, [`付款条件 Terms: ${invoice.PaymentTerms.Note}`]);
  foot(sheet, [
    ...quanji.logs.map(({ log, from, to }) => `记录 Records: ${log} ${from} – ${to}`),
    `证据根 Evidence root ${quanji.evidenceRoot}`,
    ...quanji.held.map(({ quantity, deliveries }) => `待对方确认 Held: ${quantity} (${deliveries})`),
    ...small(options, code, "FILE.invoice.ndjson"),
    "非税务发票，不作纳税凭证。No tax invoice.",
  ]);
  return sheet.finish({ title: `数据发票 ${code}`, author: options.kid, date: invoice.IssueDate }, options.compress);
}

export async function creditNotePdf(note: CreditNote, options: PdfOptions): Promise<Buffer> {
  const sheet = await Sheet.begin();
  const { ID: code, quanji, DocumentCurrencyCode: currency, LegalMonetaryTotal: total } = note;
  const isCredit = note.CreditNoteTypeCode === "381";
  const title = isCredit ? "红字数据发票" : "补充数据发票";
  head(sheet, { title, subtitle: isCredit ? "Credit note" : "Debit note", code, url: `${options.lookup}${code}` });
  pairsOf(
    sheet,
    [
      ["销售方 Seller", partyText(note.AccountingSupplierParty.Party)],
      ["购买方 Buyer", partyText(note.AccountingCustomerParty.Party)],
      ["对应数据发票 Of invoice", note.BillingReference.InvoiceDocumentReference.ID],
    ],
    [
      ["开具日期 Issued", note.IssueDate],
      ["计费期间 Period", `${note.InvoicePeriod.StartDate} – ${note.InvoicePeriod.EndDate}`],
      ["合同 Contract", quanji.contract],
      ["调整 Adjustment", `${quanji.adjustment} · ${quanji.quantity}`],
    ],
  );
  totalRow(
    sheet,
    isCredit ? "冲减金额 Credited" : "补收金额 Charged",
    `${total.PayableAmount.value} ${currency}`,
    true,
  );
  foot(sheet, small(options, code, "FILE.note.ndjson"));
  return sheet.finish({ title: `${title} ${code}`, author: options.kid, date: note.IssueDate }, options.compress);
}
