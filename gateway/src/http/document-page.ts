/**
 * What whoever scans a document's QR code reads: whether it was issued and holds, by whom and since when. No script, nothing loaded,
 * no price, no name: the ledger keeps none of that in public.
 */
import { DocumentCode, type PublicDocument } from "@quanji/chaincode/domain";
import { typedCode } from "@quanji/client/documents";

const KINDS: Readonly<Record<PublicDocument["kind"], readonly [string, string]>> = {
  invoice: ["数据发票", "Data invoice"],
  creditNote: ["红字或补充数据发票", "Credit or debit note"],
  certificate: ["数据合规流通数字证书", "Certificate of compliant circulation"],
  voucher: ["清算凭证", "Settlement voucher"],
  disclosure: ["年度披露", "Yearly disclosure"],
};

type Tone = "good" | "bad" | "plain";
const STATES: Readonly<Record<PublicDocument["state"], readonly [zh: string, en: string, tone: Tone]>> = {
  issued: ["已开具", "Issued", "good"],
  credited: ["已开具，其后有红字或补充发票", "Issued, with a credit or debit note since", "plain"],
  settled: ["已结清", "Settled", "good"],
  valid: ["有效", "Valid", "good"],
  revoked: ["已撤销", "Revoked", "bad"],
};

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const spaced = (code: string): string => code.match(/.{1,4}/g)?.join(" ") ?? code;

/** The code as people type it; undefined: none can be meant. */
export function codeOf(typed: string): string | undefined {
  if (typed.length > 64) return undefined;
  const code = typedCode(typed);
  return DocumentCode.safeParse(code).success ? code : undefined;
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.6 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;max-width:40rem;margin:0 auto;padding:2rem 1.2rem}
h1{font-size:1.5rem;margin:0}h1 small{display:block;font-weight:400;font-size:.95rem;opacity:.7}
.state{border-left:.4rem solid;padding:.7rem 1rem;margin:1.4rem 0;font-size:1.15rem}.good{border-color:#1a7f4b}.bad{border-color:#c0262d}.plain{border-color:#8a6d1a}
dl{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.4rem 1rem;margin:0}dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}footer{margin-top:2rem;font-size:.85rem;opacity:.75}`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="zh-CN">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="robots" content="noindex" />
    <title>${escaped(title)}</title>
    <link rel="icon" href="data:," />
    <style>${STYLE}</style>
  </head>
  <body>
${body}
    <footer>此页只说明账本上的状态，不含价格与内容；核验文件本身：<code>quanji invoice verify</code>。<br />
    <span lang="en">This page tells the ledger's state only, no price and no content. To verify the file itself, use the command above.</span></footer>
  </body>
</html>
`;
}

const state = (zh: string, en: string, tone: Tone): string =>
  `    <p class="state ${tone}"><strong>${zh}</strong> <span lang="en">${en}</span></p>`;

const row = (zh: string, en: string, value: string): string =>
  `      <dt>${zh} <span lang="en">${en}</span></dt><dd>${escaped(value)}</dd>`;

/** `at`: ledger time of the answer. */
export function documentPage(code: string, document: PublicDocument, net: string, at: string): string {
  const [zh, en] = KINDS[document.kind];
  const [stateZh, stateEn, tone] = STATES[document.state];
  const { since } = document as { readonly since?: { readonly time: string } };
  const rows = [
    row("编号", "Code", spaced(code)),
    row("签发机构", "Issuer", document.issuer),
    row("签发时间", "Issued", document.at.time),
    ...(since === undefined ? [] : [row("此状态始于", "In this state since", since.time)]),
    row("摘要", "Digest", document.digest),
    row("网络", "Network", net),
    row("查询时间", "Asked at", at),
  ];
  const body = `    <h1>${zh} <small lang="en">${en}</small></h1>
${state(stateZh, stateEn, tone)}
    <dl>
${rows.join("\n")}
    </dl>`;
  return page(`${zh} ${stateZh}`, body);
}

export function unknownPage(typed: string): string {
  const body = `    <h1>查验 <small lang="en">Look-up</small></h1>
${state("未知", "Unknown: no document of this network has that code", "bad")}
    <dl>
${row("编号", "Code", typed.slice(0, 64))}
    </dl>`;
  return page("未知 Unknown", body);
}
