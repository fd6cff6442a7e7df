/** The certificate of compliant circulation on paper: no price, no party to the contract. */
import { type Certificate, partyOfUrn } from "../certificate.js";
import type { PdfOptions } from "./invoice.js";
import { Sheet } from "./page.js";
import { foot, head, pairsOf, table } from "./parts.js";

const KINDS = {
  deidentification: "脱敏 De-identification",
  conversion: "转换 Conversion",
  quality: "质量 Quality",
  compliance: "合规 Compliance",
  "security.review": "安全审查 Security review",
} as const;

export async function certificatePdf(certificate: Certificate, options: PdfOptions): Promise<Buffer> {
  const sheet = await Sheet.begin();
  const { credentialSubject: subject, validFrom, validUntil, credentialStatus } = certificate;
  const { code } = subject;
  const title = "数据合规流通数字证书";
  head(sheet, {
    title,
    subtitle: "Certificate of compliant circulation of data",
    code,
    url: `${options.lookup}${code}`,
  });
  pairsOf(
    sheet,
    [
      ["数据产品 Product", subject.resource],
      ["颁发机构 Issuer", partyOfUrn(certificate.issuer)],
      ["登记 Registration", subject.registration],
      ["合同摘要 Contract, digest", subject.contract],
    ],
    [
      ["生效 Valid from", validFrom],
      ["有效至 Valid until", validUntil ?? "未设 not set"],
      ["交付期间 Period", subject.period],
      ["交付次数 Deliveries", String(subject.deliveries.count)],
      ["交付证据根 Root of deliveries", subject.deliveries.root],
    ],
  );
  table(
    sheet,
    [{ title: "数据来源 Lineage", width: 1 }],
    (subject.lineage.length === 0 ? ["原始数据 original"] : subject.lineage).map((parent) => [parent]),
  );
  table(
    sheet,
    [
      { title: "证明 Attestation", width: 40 },
      { title: "机构 By", width: 30 },
      { title: "编号 Id", width: 50 },
    ],
    subject.attestations.map(({ kind, issuer, id }) => [KINDS[kind], issuer, id]),
  );
  foot(sheet, [
    "本页为签名文件的打印件，以签名文件为准；是否已撤销，以查验或状态列表为准。",
    `离线验证：quanji certificate verify FILE --trust trust.json --status LIST。查验：${options.lookup}${code}`,
    "This page shows a signed W3C Verifiable Credential, which alone counts; whether it was revoked, its status list says.",
    `状态列表 Status list ${credentialStatus.statusListCredential} #${credentialStatus.statusListIndex}`,
    `摘要 digest ${options.digest}`,
    `签发密钥 signed by ${options.kid}`,
  ]);
  return sheet.finish(
    { title: `${title} ${code}`, author: options.kid, date: validFrom.slice(0, 10) },
    options.compress,
  );
}
