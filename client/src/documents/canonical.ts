/**
 * Canonical JSON of documents: RFC 8785 in the profile of {@link ../../../chaincode/src/log/canonical.ts}, save that names are
 * those of other people's vocabularies (`InvoiceTypeCode`, `@context`). Numbers are integers, amounts are strings.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { fromUtf8, type Json, type JsonObject, type Limits, utf8 } from "@quanji/chaincode/log";

export const DOCUMENT_LIMITS: Limits = { maxBytes: 256 * 1024, maxDepth: 12 };

const NAME = /^@?[A-Za-z][A-Za-z0-9.]{0,63}$/;

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

/** Errors: MALFORMED · NUMBER_FORBIDDEN, NOT_UTF8, NOT_CANONICAL, FIELD_UNKNOWN, LIMIT_EXCEEDED. */
function sorted(value: unknown, levels: number): Json {
  switch (typeof value) {
    case "boolean":
      return value;
    case "number":
      if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
        refuse("NUMBER_FORBIDDEN", "numbers are integers from 0 to 2^53 - 1; write anything else as a string");
      }
      return value;
    case "string":
      if (!value.isWellFormed()) refuse("NOT_UTF8", "a string holds a lone surrogate");
      return value;
    case "object":
      if (value === null) return refuse("NOT_CANONICAL", "null is not used: leave the member out");
      return sortedContainer(value, levels - 1);
    default:
      return refuse("NOT_CANONICAL", `a value of type ${typeof value} has no JSON form`);
  }
}

function sortedContainer(value: object, levels: number): Json {
  if (levels < 0) refuse("LIMIT_EXCEEDED", "JSON nests deeper than is allowed here");
  if (Array.isArray(value)) return value.map((item) => sorted(item, levels));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refuse("NOT_CANONICAL", "only plain objects and arrays have one JSON form");
  }
  const copy: Record<string, Json> = {};
  for (const name of Object.keys(value).sort()) {
    if (!NAME.test(name)) refuse("FIELD_UNKNOWN", "a member's name is of letters, digits and dots");
    copy[name] = sorted((value as Record<string, unknown>)[name], levels);
  }
  return copy;
}

/** Canonical text of a document. Errors: MALFORMED, with the detail. */
export function documentText(value: unknown): string {
  const text = JSON.stringify(sorted(value, DOCUMENT_LIMITS.maxDepth));
  if (utf8(text).length > DOCUMENT_LIMITS.maxBytes) {
    refuse("LIMIT_EXCEEDED", `a document has at most ${DOCUMENT_LIMITS.maxBytes} bytes`);
  }
  return text;
}

/** Parses what somebody signed: its bytes must be the canonical form of what they say. Errors: MALFORMED, with the detail. */
export function parseDocumentText(bytes: Uint8Array): JsonObject {
  if (bytes.length > DOCUMENT_LIMITS.maxBytes) {
    refuse("LIMIT_EXCEEDED", `a document has at most ${DOCUMENT_LIMITS.maxBytes} bytes`);
  }
  const text = fromUtf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new QuanjiError("MALFORMED", "the text is not JSON", { detail: "NOT_CANONICAL", cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse("NOT_CANONICAL", "a document is a JSON object");
  }
  if (documentText(value) !== text) {
    refuse("NOT_CANONICAL", "the bytes are not the canonical form (RFC 8785) of their content");
  }
  return value as JsonObject;
}
