/** A document's verdict for people. */
import type { DocumentVerdict } from "../verify/index.js";
import { findingMeaning } from "./findings-zh.js";
import { adviceFor, type Lang, word } from "./messages.js";
import { major } from "../documents/index.js";
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
  period: { en: "period", zh: "期间" },
  deliveries: { en: "deliveries", zh: "交付次数" },
  scope: { en: "contracts of", zh: "合同所在" },
  contracts: { en: "contracts", zh: "合同数" },
  statements: { en: "statements", zh: "结算单数" },
  later: { en: "later entries, not in it", zh: "其后未计入的条目" },
  status: { en: "status", zh: "状态" },
  asOf: { en: "as of", zh: "截至" },
  digest: { en: "digest", zh: "摘要" },
} as const satisfies Partial<Record<keyof DocumentVerdict, Said>>;
const MONEY = { total: { en: "total", zh: "金额" }, payable: { en: "payable now", zh: "现应付" } } as const;
const EVIDENCE: Readonly<Record<NonNullable<DocumentVerdict["evidence"]>, Said>> = {
  ledger: { en: "the ledger is shown to hold it", zh: "已证明账本载有此单证" },
  issuer: {
    en: "signed by its issuer; that the ledger holds it is not shown here",
    zh: "确由签发机构签署；此处未证明账本载有",
  },
};

export function documentText(file: string, verdict: DocumentVerdict, lang: Lang): string {
  const { currency, evidence, at, notes, attested } = verdict;
  const lines = [
    `${word(verdict.ok ? "valid" : "invalid", lang)}  ${KINDS[verdict.kind][lang]} ${file}`,
    ...(verdict.ok ? [] : refusal(verdict, lang)),
    ...(at?.path === undefined ? [] : [`${lang === "zh" ? "位置" : "where"} ${at.path}`]),
    ...(at?.line === undefined ? [] : [`${lang === "zh" ? "行" : "line"} ${at.line}`]),
    ...Object.entries(LABELS).flatMap(([name, said]) => {
      const value = verdict[name as keyof typeof LABELS];
      return value === undefined ? [] : [`${said[lang]} ${value}`];
    }),
    ...(["total", "payable"] as const).flatMap((name) => {
      const value = verdict[name];
      return value === undefined || currency === undefined
        ? []
        : [`${MONEY[name][lang]} ${major(value, currency)} ${currency}`];
    }),
    ...(notes === undefined ? [] : [`${lang === "zh" ? "红字或补充发票" : "notes"} ${notes.join(", ")}`]),
    ...(evidence === undefined ? [] : [EVIDENCE[evidence][lang]]),
    ...(attested === undefined || attested.length === 0 ? [] : [`${word("attested", lang)} ${attested.join(", ")}`]),
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
