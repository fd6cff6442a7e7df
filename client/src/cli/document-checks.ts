/** What the verifier made sure of in an accepted document, and what nobody can make sure of from its file. */
import type { DocumentVerdict } from "../verify/index.js";
import type { Lang } from "./messages.js";

type Said = readonly [en: string, zh: string];

const CHECKED = {
  records: ["every record of the month: none is missing, none was added", "当月全部存证：无缺失、无添加"],
  figures: [
    "quantities, prices, terms and total, reckoned again from those records",
    "数量、单价、条款与合计，均由上述存证重新计算",
  ],
  split: ["the split, by the contract's weights", "分配额，按合同权重重新计算"],
  dispute: ["no dispute of the statement was open", "清算单没有未决异议"],
  payment: ["payer and collector have confirmed one payment of this amount", "付款方与收款方已就该金额确认同一笔付款"],
  deliveries: ["contract, and deliveries counted again from their records", "合同，以及由存证重新清点的交付"],
  registration: ["the product's registration, and what it was made of", "数据产品的登记及其来源"],
  statements: [
    "every statement that its issuer closed of the year: none is left out",
    "签发机构当年结清的全部清算单：无一遗漏",
  ],
  account: ["quantities and revenue, made again from those statements", "数量与收入，均由上述清算单重新计算"],
  ledger: ["the ledger holds exactly this document", "账本所载即此单证"],
  signature: ["its issuer's signature, by a key that counted then", "签发机构的签名，所用密钥当时有效"],
  key: ["its issuer's signature, by a key never reported compromised", "签发机构的签名，所用密钥从未报失"],
  revocation: ["not revoked, at the time of its status", "截至其状态所示时间未被撤销"],
} as const satisfies Readonly<Record<string, Said>>;

const UNCHECKED = {
  words: ["names of parties and terms of payment: its issuer's own words", "各方名称与付款条件：以签发机构所述为准"],
  later: ["what came later: disputes, notes, payment", "其后的异议、红字发票与付款"],
  payment: [
    "the bank's word for the payment, of which the file has the digest alone",
    "银行的付款证明：文件仅含其摘要",
  ],
  attestations: ["what its examiners found: their attestations are named only", "检验机构的结论：仅列明其证明编号"],
  revocation: [
    "whether it was revoked: get its issuer's status list, and give it too",
    "是否已被撤销：请取得签发机构的状态列表一并提供",
  ],
  revokedLater: ["whether it was revoked later", "其后是否被撤销"],
  ledger: [
    "whether the ledger holds it; contract and deliveries are its issuer's word",
    "账本是否载有；合同与交付次数以签发机构所述为准",
  ],
  records: [
    "the records behind the quantities: who pays checks those, month by month",
    "数量背后的存证：由付款方逐月核验",
  ],
  elsewhere: ["contracts with other organisations than the one named", "所示组织以外的合同"],
} as const satisfies Readonly<Record<string, Said>>;

type Checked = keyof typeof CHECKED;
type Unchecked = keyof typeof UNCHECKED;

/** `asOf` of a certificate among strangers: there is a status list. */
function checksOf({ kind, evidence, asOf }: DocumentVerdict): readonly [readonly Checked[], readonly Unchecked[]] {
  switch (kind) {
    case "invoice":
    case "creditNote":
      return [
        ["records", "figures", "split", "dispute", "ledger", "signature"],
        ["words", "later"],
      ];
    case "voucher":
      return [
        ["records", "figures", "split", "payment", "dispute", "ledger", "signature"],
        ["payment", "later"],
      ];
    case "certificate":
      return evidence === "ledger"
        ? [
            ["records", "deliveries", "registration", "ledger", "signature", "revocation"],
            ["attestations", "revokedLater"],
          ]
        : [
            ["registration", "key", ...(asOf === undefined ? [] : (["revocation"] as const))],
            ["ledger", "attestations", asOf === undefined ? "revocation" : "revokedLater"],
          ];
    case "disclosure":
      return [
        ["statements", "account", "ledger", "signature"],
        ["records", "elsewhere"],
      ];
    case "document":
      return [[], []];
  }
}

const inLang = (said: Said, lang: Lang): string => said[lang === "zh" ? 1 : 0];

export const checkedLines = (verdict: DocumentVerdict, lang: Lang): readonly string[] =>
  checksOf(verdict)[0].map((name) => inLang(CHECKED[name], lang));

export const uncheckedLines = (verdict: DocumentVerdict, lang: Lang): readonly string[] =>
  checksOf(verdict)[1].map((name) => inLang(UNCHECKED[name], lang));
