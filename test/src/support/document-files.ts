/** Documents of every kind as files, from a month that was billed; and what those do who change them. */
import { writeFile } from "node:fs/promises";
import { fromBase64url, fromUtf8, toBase64url, utf8 } from "@quanji/chaincode/log";
import type { BilledMonth } from "./billed-month.js";
import { DAY_MS, textOf } from "./sale.js";
import { IDS } from "./stage.js";

/** A status list of the bureau's, as its address answers. */
async function statusList({ stage }: BilledMonth): Promise<string> {
  return (await fetch(`${stage.host.address}/v1/statuses/${IDS.bureau}`)).text();
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the ledger took it without a document");
  return value;
}

/** By file name. The dispute is answered by a note, the rest is paid, one of the two certificates is revoked. */
export async function collectDocuments(month: BilledMonth): Promise<ReadonlyMap<string, string>> {
  const { stage, key } = month;
  const [bureau, insurer] = [await stage.client("bureau"), await stage.client("insurer")];
  const [own, payers] = [bureau.documents, insurer.documents];
  const files = new Map<string, string>();
  const invoice = await own.issueInvoice(key, {
    names: new Map([
      [IDS.bureau, "气象局"],
      [IDS.insurer, "Insurer Ltd"],
    ]),
    paymentTerms: "30 days",
  });
  files.set("month.invoice.ndjson", await textOf(payers.file(invoice.jws, key)));
  const { dispute } = await insurer.statements.dispute(key.contract, key.period, {
    deliveries: [await firstDelivery(month)],
    evidence: ["A".repeat(43)],
  });
  files.set("disputed.invoice.ndjson", await textOf(payers.file(invoice.jws, key)));
  const { note } = await own.adjust(key, { kind: "withdraw", dispute });
  files.set("month.note.ndjson", await textOf(payers.file(given(note).jws, key)));
  files.set("noted.invoice.ndjson", await textOf(payers.file(invoice.jws, key)));
  await payers.settle(key, "A".repeat(43));
  const { jws } = await own.settle(key, "A".repeat(43));
  files.set("month.voucher.ndjson", await textOf(payers.file(given(jws), key)));
  files.set("paid.invoice.ndjson", await textOf(payers.file(invoice.jws, key)));
  const [one, two] = [await own.issueCertificate(key), await own.issueCertificate(key)];
  files.set("own.certificate.ndjson", await textOf(own.file(one.jws, key)));
  files.set("shown.certificate.ndjson", await textOf(own.publicFile(one.jws, key)));
  files.set("revoked.certificate.ndjson", await textOf(own.publicFile(two.jws, key)));
  await own.revokeCertificate(key, two.id);
  files.set("statuses", await statusList(month));
  await stage.later(500 * DAY_MS);
  const year = Number(key.period.slice(0, 4));
  const { disclosures } = await stage.client("bureau");
  files.set("year.disclosure.ndjson", await textOf(disclosures.file((await disclosures.publish(year)).jws, year)));
  return files;
}

async function firstDelivery({ stage, key: { contract, period } }: BilledMonth) {
  const insurer = await stage.client("insurer");
  const [range] = (await insurer.statements.get(contract, period)).logs;
  let index: number | undefined;
  for await (const line of insurer.contractTrail(contract, period)) {
    const found = /"r":"\{[^}]*\\"index\\":(\d+)[^}]*\\"type\\":\\"delivery\\"/.exec(line);
    if (found !== null) index ??= Number(found[1]);
  }
  return { log: range?.log ?? "", index: index ?? -1 };
}

export async function writeAll(files: ReadonlyMap<string, string>, place: (name: string) => string): Promise<void> {
  for (const [name, text] of files) await writeFile(place(name), text);
}

/** The document's own text with something else in place of `from`; signature and evidence as they were. */
export function edited(file: string, from: string | RegExp, to: string): string {
  const [first = "", ...evidence] = file.split("\n");
  const line = JSON.parse(first) as { readonly jws: { readonly payload: string } };
  const payload = fromUtf8(fromBase64url(line.jws.payload));
  const other = payload.replace(from, to);
  if (other === payload) throw new Error(`the document has no ${String(from)}`);
  return [JSON.stringify({ ...line, jws: { ...line.jws, payload: toBase64url(utf8(other)) } }), ...evidence].join("\n");
}

/** Without the last line that says so. */
export function without(file: string, what: string): string {
  const lines = file.split("\n");
  const at = lines.findLastIndex((line) => line.includes(what));
  if (at < 1) throw new Error(`the evidence has no ${what}`);
  return lines.filter((_, n) => n !== at).join("\n");
}

/** The document alone, as a compact JWS. */
export function compact(file: string): string {
  const { jws } = JSON.parse(file.slice(0, file.indexOf("\n"))) as { readonly jws: Readonly<Record<string, string>> };
  return [jws["protected"], jws["payload"], jws["signature"]].join(".");
}
