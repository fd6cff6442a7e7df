/** A document's verdict for people: as text, and as labelled facts for whoever sets them out otherwise. */
import { major } from "../documents/index.js";
import type { DocumentVerdict } from "../verify/index.js";
import { checkedLines, uncheckedLines } from "./document-checks.js";
import { findingMeaning } from "./findings-zh.js";
import { adviceFor, type Lang, word } from "./messages.js";
import { placeText } from "./verdict.js";
import { harmless } from "./width.js";

type Said = Readonly<Record<Lang, string>>;
const KINDS: Readonly<Record<DocumentVerdict["kind"], Said>> = {
  invoice: { en: "data invoice", zh: "数据发票" },
  creditNote: { en: "credit or debit note", zh: "红字或补充数据发票" },
  certificate: { en: "certificate of compliant circulation", zh: "数据合规流通数字证书" },
  voucher: { en: "settlement voucher", zh: "清算凭证" },
  disclosure: { en: "disclosure", zh: "年度披露" },
  document: { en: "document", zh: "单证" },
};
const LABELS = {
  document: { en: "code", zh: "编号" },
  issuer: { en: "issued by", zh: "签发机构" },
  issued: { en: "issued", zh: "签发时间" },
  contract: { en: "contract", zh: "合同" },
  resource: { en: "product", zh: "数据产品" },
  period: { en: "period", zh: "期间" },
  seller: { en: "seller", zh: "销售方" },
  payer: { en: "payer", zh: "付款方" },
  payee: { en: "payee", zh: "收款方" },
  items: { en: "lines", zh: "明细" },
  total: { en: "total", zh: "金额" },
  split: { en: "split", zh: "分配" },
  payable: { en: "payable now", zh: "现应付" },
  settled: { en: "payment", zh: "付款" },
  notes: { en: "notes", zh: "红字或补充发票" },
  deliveries: { en: "deliveries", zh: "交付次数" },
  scope: { en: "contracts of", zh: "合同所在" },
  contracts: { en: "contracts", zh: "合同数" },
  statements: { en: "statements", zh: "结算单数" },
  products: { en: "earned", zh: "收入" },
  later: { en: "later entries, not in it", zh: "其后未计入的条目" },
  status: { en: "status", zh: "状态" },
  validUntil: { en: "valid until", zh: "有效至" },
  statusList: { en: "status list", zh: "状态列表" },
  asOf: { en: "as of", zh: "截至" },
  digest: { en: "digest", zh: "摘要" },
  evidence: { en: "evidence", zh: "证据" },
} as const satisfies Partial<Record<keyof DocumentVerdict, Said>>;
type Labelled = keyof typeof LABELS;

const EVIDENCE: Readonly<Record<NonNullable<DocumentVerdict["evidence"]>, Said>> = {
  ledger: { en: "the ledger is shown to hold it", zh: "已证明账本载有此单证" },
  issuer: {
    en: "signed by its issuer; that the ledger holds it is not shown here",
    zh: "确由签发机构签署；此处未证明账本载有",
  },
};
const STATUS: Readonly<Record<NonNullable<DocumentVerdict["status"]>, Said>> = {
  valid: { en: "valid", zh: "有效" },
  expired: { en: "expired: its validity has ended", zh: "已过有效期" },
  unknown: { en: "unknown: no status list was given", zh: "未知：未提供状态列表" },
};
const SETTLED = {
  true: { en: "confirmed by payer and collector", zh: "付款方与收款方均已确认" },
  false: { en: "not confirmed by both", zh: "尚未由双方确认" },
} as const;
const SUSPENSE: Said = { en: "in suspense, nobody's yet", zh: "暂挂，尚无归属" };
const UNITS: Readonly<Record<string, Said>> = {
  call: { en: "calls", zh: "次" },
  row: { en: "rows", zh: "行" },
  byte: { en: "bytes", zh: "字节" },
  period: { en: "periods", zh: "期" },
  product: { en: "products", zh: "件" },
};

type Item = NonNullable<DocumentVerdict["items"]>[number];
const ITEMS: Readonly<Record<Exclude<Item["kind"], "tier">, Said>> = {
  free: { en: "free", zh: "免费" },
  discount: { en: "discount", zh: "折扣" },
  minimum: { en: "minimum charge", zh: "最低收费" },
  performance: { en: "performance", zh: "绩效" },
  adjustment: { en: "adjustment", zh: "调整" },
};

/** `tier 1: 2 calls × 1288.88 CNY = 2577.76 CNY` */
function itemText(
  { kind, tier, quantity, price, per, amount }: Item,
  unit: string,
  currency: string,
  lang: Lang,
): string {
  const money = (minor: string): string => `${major(minor, currency)} ${currency}`;
  const name = kind === "tier" ? (lang === "zh" ? `第 ${tier ?? 0} 档` : `tier ${tier ?? 0}`) : ITEMS[kind][lang];
  if (quantity === undefined || price === undefined) return `${name}: ${money(amount)}`;
  const each = `${money(price)}${per === undefined || per === "1" ? "" : ` / ${per}`}`;
  return `${name}: ${quantity} ${UNITS[unit]?.[lang] ?? unit} × ${each} = ${money(amount)}`;
}

export const documentKind = (kind: DocumentVerdict["kind"], lang: Lang): string => KINDS[kind][lang];

/** A label and what stands under it: several lines where there are several of them. Made harmless for terminals. */
export type DocumentFact = readonly [label: string, ...values: readonly string[]];

/** What an accepted document says and what was checked of it; nothing for a refused one: nobody should read it as proven. */
export function documentFacts(verdict: DocumentVerdict, lang: Lang): readonly DocumentFact[] {
  if (!verdict.ok) return [];
  const { attested = [] } = verdict;
  const facts: readonly (readonly [label: string, values: readonly string[]])[] = [
    ...(Object.keys(LABELS) as Labelled[]).map((name) => [LABELS[name][lang], valuesOf(verdict, name, lang)] as const),
    [lang === "zh" ? "已核验" : "checked", checkedLines(verdict, lang)],
    [lang === "zh" ? "未核验" : "not checked", uncheckedLines(verdict, lang)],
    [word("attested", lang).replace(/[:：]$/, ""), attested.length === 0 ? [] : [attested.join(", ")]],
  ];
  return facts.flatMap(([label, values]) =>
    values.length === 0 ? [] : [[label, ...values.map(harmless)] as DocumentFact],
  );
}

type Teller = (verdict: DocumentVerdict, lang: Lang) => readonly string[];

const one = <T>(value: T | undefined, say: (value: T) => string): readonly string[] =>
  value === undefined ? [] : [say(value)];
const amountIn =
  ({ currency = "" }: DocumentVerdict) =>
  (minor: string): string =>
    `${major(minor, currency)} ${currency}`;
const partyIn =
  ({ names = {} }: DocumentVerdict) =>
  (id: string): string =>
    Object.hasOwn(names, id) ? `${id} “${names[id] ?? ""}”` : id;

function shares(verdict: DocumentVerdict, lang: Lang): readonly string[] {
  const { split } = verdict;
  if (split === undefined) return [];
  const [amount, party] = [amountIn(verdict), partyIn(verdict)];
  return [
    ...split.portions.map((portion) => `${party(portion.party)}: ${amount(portion.amount)}`),
    ...(split.suspense === "0" ? [] : [`${SUSPENSE[lang]}: ${amount(split.suspense)}`]),
  ];
}

/** Of what is not told as it stands. */
const TELLERS: Readonly<Partial<Record<Labelled, Teller>>> = {
  issuer: (verdict) => one(verdict.issuer, partyIn(verdict)),
  seller: (verdict) => one(verdict.seller, partyIn(verdict)),
  payer: (verdict) => one(verdict.payer, partyIn(verdict)),
  payee: (verdict) => one(verdict.payee, partyIn(verdict)),
  items: ({ items = [], unit = "", currency = "" }, lang) => items.map((item) => itemText(item, unit, currency, lang)),
  total: (verdict) => one(verdict.total, amountIn(verdict)),
  split: shares,
  payable: (verdict) => one(verdict.payable, amountIn(verdict)),
  settled: ({ settled }, lang) => one(settled, (is) => SETTLED[is ? "true" : "false"][lang]),
  notes: ({ notes }) => one(notes, (codes) => codes.join(", ")),
  products: ({ products = [] }, lang) =>
    products.map(
      ({ resource, quantity, unit, revenue, currency }) =>
        `${resource}: ${quantity} ${UNITS[unit]?.[lang] ?? unit}, ${major(revenue, currency)} ${currency}`,
    ),
  status: ({ status }, lang) => one(status, (is) => STATUS[is][lang]),
  evidence: ({ evidence }, lang) => one(evidence, (is) => EVIDENCE[is][lang]),
};

const valuesOf = (verdict: DocumentVerdict, name: Labelled, lang: Lang): readonly string[] =>
  TELLERS[name]?.(verdict, lang) ?? one(verdict[name], String);

/** Line of the file, or the document's member; empty where nothing is known. */
export const documentPlace = (at: DocumentVerdict["at"]): string => at?.path ?? placeText(at);

export function documentText(file: string, verdict: DocumentVerdict, lang: Lang): string {
  const place = documentPlace(verdict.at);
  const lines = [
    `${word(verdict.ok ? "valid" : "invalid", lang)}  ${documentKind(verdict.kind, lang)} ${file}`,
    ...(verdict.ok ? [] : refusal(verdict, lang)),
    ...(place === "" ? [] : [`${lang === "zh" ? "位置" : "where"} ${place}`]),
    ...documentFacts(verdict, lang).flatMap(([label, ...values]) => values.map((value) => `${label} ${value}`)),
    `${word("level", lang)} ${verdict.level}, ${word("withstands", lang)} ${verdict.withstands}`,
    ...(verdict.singleOperator ? [word("singleOperator", lang)] : []),
    ...(verdict.testClock ? [word("testClock", lang)] : []),
    `${word("trustFile", lang)} ${verdict.trustDigest}`,
  ];
  return lines.map((line, n) => harmless(n === 0 ? line : `  ${line}`)).join("\n");
}

function refusal(
  { code = "PROOF_INVALID", detail = "", message = "" }: DocumentVerdict,
  lang: Lang,
): readonly string[] {
  const meaning = lang === "zh" ? findingMeaning(detail, lang) : undefined;
  return [`${code} · ${detail}`, meaning ?? message, adviceFor(code, detail, lang)];
}
