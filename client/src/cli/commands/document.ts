import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { type Command } from "commander";
import { z } from "zod";
import { Digest, DocumentCode, Instant, LEVELS, Month, parseWith, QuanjiError, Uuid } from "@quanji/chaincode/domain";
import {
  Certificate,
  compactOf,
  CreditNote,
  Invoice,
  openDocument,
  type SignedDocument,
  typedCode,
} from "../../documents/index.js";
import type { Issued, Month as OfMonth } from "../../sdk/index.js";
import { openStatusList, type OpenedStatusList, type OpenedTrust, verifyDocument } from "../../verify/index.js";
import type { Context } from "../context.js";
import { documentText } from "../document-text.js";
import { assertWritable, unwritable, writeBeside } from "../files.js";
import { type Options, toInstant, UsageError } from "../options.js";
import { pairs, type Result } from "../output.js";
import { progress } from "../progress.js";
import { declare, type Declaration, group, type Runtime } from "../program.js";
import { chunksOf } from "../trail-file.js";
import { sentResult } from "./send.js";

type Given = readonly [flags: string, description: string];
const OUT: Given = ["--out <file>", "where to keep the file"];
const NAME: Given = [
  "--name <id=name>...",
  "a party's name as it stands on paper: 91330000MAQJ004317=浙江大数据交易服务平台",
];
const LOOKUP: Given = ["--lookup <url>", "where codes are looked up (default: the gateway's /documents/)"];
const LEVEL: Given = ["--level <level>", "refuse evidence below it: committed, cosigned, anchored"];

const shown = (kind: string, example: string): Declaration[] => [
  {
    usage: "show <file>",
    summary: `What the file says, unverified. With --jwt the ${kind} alone, as a compact JWS.`,
    options: [["--jwt", "the document alone, as a compact JWS"]],
    examples: [`${example} --json`],
    run: show,
  },
];

export function documentCommands(program: Command, runtime: Runtime): void {
  declare(group(program, runtime, "invoice", "Data invoices 数据发票 and their credit notes."), runtime, [
    {
      usage: "issue <contract> <month>",
      summary: "Issue the invoice of a closed statement: for the contract's exchange, or its seller.",
      options: [OUT, NAME, ["--terms <text>", "terms of payment"]],
      examples: ["invoice issue 0b0f2c52-… 2026-03 --trust data/trust.json --out march.invoice.ndjson"],
      run: issueInvoice,
    },
    {
      usage: "verify <file>",
      summary: "Verify an invoice, note or voucher offline: every figure is made again from its evidence.",
      options: [LEVEL],
      examples: ["invoice verify march.invoice.ndjson --trust trust.json"],
      run: verify,
    },
    {
      usage: "pdf <file>",
      summary: "The document as a PDF, with its code as QR code. The signed file alone is the document.",
      options: [OUT, LOOKUP],
      examples: ["invoice pdf march.invoice.ndjson --out march.pdf"],
      run: pdf,
    },
    {
      usage: "adjust <contract> <month>",
      summary: "Take disputed deliveries back, or dismiss the dispute; where an invoice stands, with its credit note.",
      options: [["--dispute <id>", "the dispute that is answered"], ["--dismiss", "nothing is taken back"], OUT, NAME],
      examples: ["invoice adjust 0b0f2c52-… 2026-03 --dispute 2d2f2c52-… --out credit.invoice.ndjson"],
      run: adjust,
    },
    ...shown("invoice", "invoice show march.invoice.ndjson"),
  ]);
  declare(group(program, runtime, "voucher", "Settlement vouchers 清算凭证."), runtime, [
    {
      usage: "confirm <contract> <month>",
      summary:
        "Confirm the payment of an invoice: payer and collector each once. The second of them issues the voucher.",
      options: [
        ["--payment <file>", "the bank's, or the chain's, word: its SHA-256 is sent; or such a digest itself"],
        OUT,
      ],
      examples: ["voucher confirm 0b0f2c52-… 2026-03 --payment receipt.pdf --out march.voucher.ndjson"],
      run: confirm,
    },
    {
      usage: "verify <file>",
      summary: "Verify a voucher offline.",
      options: [LEVEL],
      examples: ["voucher verify march.voucher.ndjson"],
      run: verify,
    },
    ...shown("voucher", "voucher show march.voucher.ndjson"),
  ]);
  declare(
    group(program, runtime, "certificate", "Certificates of compliant circulation 数据合规流通数字证书."),
    runtime,
    [
      {
        usage: "issue <contract> <month>",
        summary: "Issue a certificate of what was delivered under a contract in a month; it names no price.",
        options: [
          ["--out <file>", "where to keep it with its contract's evidence"],
          ["--public <file>", "where to keep it for strangers: with public chains alone"],
          ["--until <time>", "when it ends"],
        ],
        examples: [
          "certificate issue 0b0f2c52-… 2026-03 --out own.certificate.ndjson --public shown.certificate.ndjson",
        ],
        run: issueCertificate,
      },
      {
        usage: "verify <file>",
        summary: "Verify a certificate offline: valid when issued; with its issuer's status list, valid or revoked.",
        options: [["--status <file>", "status list, a file or an address it is fetched from"], LEVEL],
        examples: [
          "certificate verify shown.certificate.ndjson --trust trust.json",
          "certificate verify shown.certificate.ndjson --status https://gateway.example/v1/statuses/91330000MAQJ004317",
        ],
        run: verify,
      },
      {
        usage: "revoke <contract> <month> <certificate>",
        summary: "End a certificate's validity: for its issuer and the regulator.",
        examples: ["certificate revoke 0b0f2c52-… 2026-03 5a5f2c52-…"],
        run: async (context, [contract = "", period = "", certificate = ""]) => {
          const client = await context.client();
          const sent = await client.documents.revokeCertificate(toMonth(contract, period), certificate);
          return sentResult(sent, { certificate, state: "revoked" });
        },
      },
      {
        usage: "pdf <file>",
        summary: "The certificate as a PDF, with its code as QR code.",
        options: [OUT, LOOKUP],
        examples: ["certificate pdf own.certificate.ndjson --out certificate.pdf"],
        run: pdf,
      },
      ...shown("credential", "certificate show shown.certificate.ndjson --jwt"),
    ],
  );
  declare(program, runtime, [
    {
      usage: "document <code>",
      summary: "Look a document up by its code: whether it was issued and holds. Needs no key.",
      examples: ["document 0123-4567-89AB-CDEF-GHJK-MNPQRS"],
      run: lookUp,
    },
  ]);
}

function toMonth(contract: string, period: string): OfMonth {
  return { contract: parseWith(Uuid, contract), period: parseWith(Month, period) };
}

function namesOf(options: Options): ReadonlyMap<string, string> {
  return new Map(
    options.many("name").map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new UsageError("--name is ID=NAME");
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
}

async function issueInvoice(
  context: Context,
  [contract = "", period = ""]: readonly string[],
  options: Options,
): Promise<Result> {
  const month = toMonth(contract, period);
  const out = options.required("out", "--out");
  await assertWritable(context, out, "--out");
  const client = await context.client();
  const paymentTerms = options.text("terms");
  const issued = await client.documents.issueInvoice(month, {
    names: namesOf(options),
    ...(paymentTerms !== undefined && { paymentTerms }),
  });
  await save(context, client.documents.file(issued.jws, month), out);
  return issuedResult(issued, { invoice: issued.id, out }, [`next: quanji invoice verify ${out} --trust trust.json`]);
}

const issuedResult = (
  { sent, code, digest }: Pick<Issued, "sent" | "code" | "digest">,
  facts: object,
  notes: readonly string[],
): Result => sentResult(sent, { code, digest, ...facts }, notes);

async function adjust(
  context: Context,
  [contract = "", period = ""]: readonly string[],
  options: Options,
): Promise<Result> {
  const month = toMonth(contract, period);
  const dispute = options.required("dispute", "--dispute");
  const out = options.text("out");
  await assertWritable(context, out, "--out");
  const client = await context.client();
  const kind = options.flag("dismiss") ? "dismiss" : "withdraw";
  const { sent, id, amount, note } = await client.documents.adjust(month, { kind, dispute }, namesOf(options));
  const facts = { adjustment: id, amount };
  if (note === undefined) return sentResult(sent, facts);
  if (out !== undefined) await save(context, client.documents.file(note.jws, month), out);
  return issuedResult({ sent, ...note }, { ...facts, ...(out !== undefined && { out }) }, []);
}

async function confirm(
  context: Context,
  [contract = "", period = ""]: readonly string[],
  options: Options,
): Promise<Result> {
  const month = toMonth(contract, period);
  const payment = await digestOf(context, options.required("payment", "--payment"));
  const out = options.text("out");
  await assertWritable(context, out, "--out");
  const client = await context.client();
  const { sent, id, jws, code, digest } = await client.documents.settle(month, payment);
  if (jws === undefined || code === undefined || digest === undefined) {
    return sentResult(sent, { invoice: id, payment }, [
      "the other side has to confirm the same payment; it then brings the voucher",
    ]);
  }
  if (out !== undefined) await save(context, client.documents.file(jws, month), out);
  return issuedResult({ sent, code, digest }, { invoice: id, payment, ...(out !== undefined && { out }) }, []);
}

/** A digest, or that of a file. */
async function digestOf(context: Context, given: string): Promise<string> {
  if (Digest.safeParse(given).success) return given;
  return createHash("sha256")
    .update(await context.read(context.path(given)))
    .digest("base64url");
}

async function issueCertificate(
  context: Context,
  [contract = "", period = ""]: readonly string[],
  options: Options,
): Promise<Result> {
  const month = toMonth(contract, period);
  const [out, open, until] = [options.text("out"), options.text("public"), options.text("until")];
  if (out === undefined && open === undefined) throw new UsageError("--out, --public or both are needed");
  await assertWritable(context, out, "--out");
  await assertWritable(context, open, "--public");
  const client = await context.client();
  const issued = await client.documents.issueCertificate(
    month,
    until === undefined ? {} : { validUntil: toInstant(until, "--until") },
  );
  if (out !== undefined) await save(context, client.documents.file(issued.jws, month), out);
  if (open !== undefined) await save(context, client.documents.publicFile(issued.jws, month), open);
  return issuedResult(
    issued,
    { certificate: issued.id, ...(out !== undefined && { out }), ...(open !== undefined && { public: open }) },
    [],
  );
}

async function trustOf(context: Context): Promise<OpenedTrust> {
  const trust = await context.trust();
  if (trust === undefined)
    throw new UsageError("against which trust file? give --trust FILE; quanji trust fetch gets one");
  return trust;
}

export async function verify(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const trust = await trustOf(context);
  const level = options.oneOf("level", "--level", LEVELS);
  const statusList = await statusOf(context, options.text("status"), trust);
  const bar = progress(context.io, "verifying", "records");
  try {
    const verdict = await verifyDocument(chunksOf(context.path(file)), trust, {
      ...(level !== undefined && { level }),
      ...(statusList !== undefined && { statusList }),
      progress: (records) => bar.update(records),
    });
    return { json: { ...verdict }, text: documentText(file, verdict, context.lang), exitCode: verdict.ok ? 0 : 1 };
  } finally {
    bar.end();
  }
}

async function statusOf(
  context: Context,
  given: string | undefined,
  trust: OpenedTrust,
): Promise<OpenedStatusList | undefined> {
  if (given === undefined) return undefined;
  const text = /^https?:\/\//.test(given) ? (await get(context, given)).text : await context.readText(given);
  return openStatusList(text.trim(), trust);
}

async function get(context: Context, url: string): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await context.io.fetch(url, { redirect: "error", signal: AbortSignal.timeout(15_000) });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    throw new QuanjiError("UNREACHABLE", `${url} does not answer`, { cause });
  }
}

const When = z.looseObject({ time: Instant });
/** What a gateway says of a code. */
const LookedUp = z.looseObject({
  kind: z.string(),
  state: z.string(),
  issuer: z.string(),
  digest: Digest,
  at: When,
  since: When.optional(),
});

async function lookUp(context: Context, [typed = ""]: readonly string[]): Promise<Result> {
  const code = typedCode(typed);
  if (!DocumentCode.safeParse(code).success) throw new UsageError("a code has 26 letters and digits");
  const { status, text } = await get(context, `${await context.gateway()}/v1/documents/${code}`);
  if (status === 404) {
    const facts = { code, state: "unknown" };
    return { json: facts, text: pairs(facts), exitCode: 1 };
  }
  if (status !== 200) throw new QuanjiError("UNREACHABLE", `the gateway answers ${status}`);
  const found = parseWith(LookedUp, JSON.parse(text));
  const facts = { code, ...found };
  const notes = ["said by the gateway, not proven: the document's file proves itself"];
  const { kind, state, issuer, digest, at, since = at } = found;
  return { json: facts, text: pairs({ code, kind, state, since: since.time, issuer, issued: at.time, digest }), notes };
}

async function opened(context: Context, file: string): Promise<SignedDocument> {
  const { document, evidence } = await openDocument(chunksOf(context.path(file)));
  await evidence[Symbol.asyncIterator]().return?.();
  return document;
}

export async function show(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const { payload, jws, kind, digest, header } = await opened(context, file);
  if (options.flag("jwt")) return { json: { jwt: compactOf(jws) }, text: compactOf(jws) };
  return {
    json: { kind, digest, kid: header.kid, payload },
    text: JSON.stringify(payload, null, 2),
    notes: ["not verified: quanji invoice verify, quanji certificate verify, quanji disclosure verify"],
  };
}

async function pdf(context: Context, [file = ""]: readonly string[], options: Options): Promise<Result> {
  const out = options.required("out", "--out");
  await assertWritable(context, out, "--out");
  const { kind, payload, digest, header } = await opened(context, file);
  const lookup = options.text("lookup") ?? `${await context.gateway()}/documents/`;
  const { certificatePdf, creditNotePdf, invoicePdf } = await import("../../documents/pdf/index.js");
  const facts = { lookup, digest, kid: header.kid };
  const make = (): Promise<Buffer> => {
    if (kind === "invoice") return invoicePdf(parseWith(Invoice, payload), facts);
    if (kind === "creditNote") return creditNotePdf(parseWith(CreditNote, payload), facts);
    if (kind === "certificate") return certificatePdf(parseWith(Certificate, payload), facts);
    throw new UsageError("invoices, notes and certificates have a page; this file holds another document");
  };
  const bytes = await make();
  await writeBeside(context, out, bytes);
  const said = { kind, out, bytes: bytes.length };
  return { json: said, text: pairs(said), notes: ["the page shows the file and proves nothing: hand on the file too"] };
}

/** Whole or not at all. */
export async function save(context: Context, lines: AsyncIterable<string>, out: string): Promise<void> {
  const path = context.path(out);
  const partial = `${path}.part`;
  try {
    await pipeline(lines, createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, path);
  } catch (error) {
    await Promise.allSettled([rm(partial, { force: true })]); // the first fault is the one to tell
    if (error instanceof Error && "syscall" in error) throw unwritable(path, error);
    throw error;
  }
}
