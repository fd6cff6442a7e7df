/** Document files (`*.invoice.ndjson`): the signed document on the first line, behind it the evidence it stands on, as it came. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { type FlattenedJws, utf8 } from "@quanji/chaincode/log";
import { documentText, DOCUMENT_LIMITS, parseDocumentText } from "./canonical.js";
import { parseSigned, type SignedDocument } from "./jose.js";

const VERSION = "quanji.document.v1";
/** base64url in JSON, a third longer than the payload. */
const MAX_LINE = Math.ceil(DOCUMENT_LIMITS.maxBytes * 1.4) + 8192;
const LF = 0x0a;

export const documentLine = (jws: FlattenedJws): string =>
  `${documentText({ jws: { ...jws }, t: "document", v: VERSION })}\n`;

export const isDocument = (head: string): boolean => head.startsWith('{"jws":');

/** Errors: MALFORMED, with the detail. */
export function parseDocumentLine(line: Uint8Array): SignedDocument {
  if (line.length > MAX_LINE)
    throw new QuanjiError("MALFORMED", "a document's line is too long", { detail: "LIMIT_EXCEEDED" });
  const { t, v, jws, ...rest } = parseDocumentText(line);
  if (t !== "document") throw new QuanjiError("MALFORMED", "the file holds no document", { detail: "TYPE_UNKNOWN" });
  if (v !== VERSION) {
    throw new QuanjiError("MALFORMED", `the document's version is not ${VERSION}`, { detail: "VERSION_UNKNOWN" });
  }
  if (Object.keys(rest).length > 0) {
    throw new QuanjiError("MALFORMED", "a document's line is {jws, t, v}", { detail: "FIELD_UNKNOWN" });
  }
  return parseSigned(jws);
}

export interface OpenedFile {
  readonly document: SignedDocument;
  /** All that follows the first line. */
  readonly evidence: AsyncIterable<Uint8Array>;
}

/** Reads the first line; the evidence is handed on unread, chunk by chunk. Errors: MALFORMED; whatever the source throws. */
export async function openDocument(
  source: string | Uint8Array | AsyncIterable<Uint8Array | string>,
): Promise<OpenedFile> {
  const chunks = chunksOf(source)[Symbol.asyncIterator]();
  let begun = new Uint8Array(0);
  for (;;) {
    const end = begun.indexOf(LF);
    if (end >= 0) {
      const document = parseDocumentLine(begun.subarray(0, end));
      return { document, evidence: following(begun.subarray(end + 1), chunks) };
    }
    if (begun.length > MAX_LINE) {
      throw new QuanjiError("MALFORMED", "a document's line is too long", { detail: "LIMIT_EXCEEDED" });
    }
    const next = await chunks.next();
    if (next.done === true)
      return { document: parseDocumentLine(begun), evidence: following(new Uint8Array(0), chunks) };
    const joined = new Uint8Array(begun.length + next.value.length);
    joined.set(begun);
    joined.set(next.value, begun.length);
    begun = joined;
  }
}

async function* chunksOf(source: string | Uint8Array | AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  if (typeof source === "string") yield utf8(source);
  else if (source instanceof Uint8Array) yield source;
  else for await (const chunk of source) yield typeof chunk === "string" ? utf8(chunk) : chunk;
}

async function* following(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
