/**
 * Documents as they are signed: a flattened JWS by the issuer's party key, strict as all evidence is. What the ledger keeps of
 * one is its digest, SHA-256 of the JWS signing input; signatures are malleable and never compared.
 * @see RFC 7515 §7.2.2; W3C Securing Verifiable Credentials using JOSE and COSE §3.1.1 (certificates and status lists)
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import {
  JWS_ALGORITHMS,
  type AnswerHeader,
  canonical,
  type FlattenedJws,
  fromBase64url,
  type HashText,
  hashText,
  type JsonObject,
  parseCanonical,
  parseFlattened,
  sha256,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import { documentText, DOCUMENT_LIMITS, parseDocumentText } from "./canonical.js";

/** `typ` of a document's protected header. */
export const DOCUMENT_TYPES = {
  invoice: "quanji-invoice+jws",
  creditNote: "quanji-credit-note+jws",
  voucher: "quanji-voucher+jws",
  disclosure: "quanji-disclosure+jws",
  /** A Verifiable Credential, as its status list is one. */
  certificate: "vc+jwt",
} as const;
export type DocumentKind = keyof typeof DOCUMENT_TYPES;

export interface SignedDocument {
  readonly kind: DocumentKind;
  readonly header: AnswerHeader;
  readonly payload: JsonObject;
  /** ASCII of `protected.payload`. */
  readonly signingInput: Uint8Array;
  readonly signature: Uint8Array;
  readonly digest: HashText;
  readonly jws: FlattenedJws;
}

/** What signing takes of a key: {@link ../sdk/keys.ts}'s Signer. */
export interface DocumentSigner {
  readonly kid: string;
  readonly alg: AnswerHeader["alg"];
  readonly sign: (input: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

const KID = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}#[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/** Longest base64url of a payload. */
const MAX_PAYLOAD = Math.ceil((DOCUMENT_LIMITS.maxBytes * 4) / 3);

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

const kindOf = (typ: unknown): DocumentKind | undefined =>
  (Object.keys(DOCUMENT_TYPES) as DocumentKind[]).find((kind) => DOCUMENT_TYPES[kind] === typ);

export const digestOf = (jws: Pick<FlattenedJws, "payload" | "protected">): HashText =>
  hashText(sha256(utf8(`${jws.protected}.${jws.payload}`)));

/** Signs a document. Errors: MALFORMED: it has no canonical form. */
export async function signDocument(
  kind: DocumentKind,
  payload: unknown,
  signer: DocumentSigner,
): Promise<FlattenedJws> {
  const header = canonical({ alg: signer.alg, kid: signer.kid, typ: DOCUMENT_TYPES[kind] });
  const unsigned = { protected: toBase64url(utf8(header)), payload: toBase64url(utf8(documentText(payload))) };
  const signature = await signer.sign(utf8(`${unsigned.protected}.${unsigned.payload}`));
  return { payload: unsigned.payload, protected: unsigned.protected, signature: toBase64url(signature) };
}

/**
 * Form only: the signature is the verifier's to check.
 * Errors: MALFORMED · JWS_SHAPE, BASE64_INVALID, NOT_CANONICAL, HEADER_FORBIDDEN, ALG_FORBIDDEN, TYP_MISMATCH, LIMIT_EXCEEDED.
 */
export function parseSigned(input: unknown): SignedDocument {
  const jws = parseFlattened(input);
  if (jws.payload.length > MAX_PAYLOAD || jws.protected.length > 4096 || jws.signature.length > 128) {
    refuse("LIMIT_EXCEEDED", "the document is larger than any honest one");
  }
  const header = headerOf(parseCanonical(fromBase64url(jws.protected)));
  const kind = kindOf(header.typ);
  if (kind === undefined) return refuse("TYP_MISMATCH", "the signature was made for no kind of document");
  const signature = fromBase64url(jws.signature);
  if (signature.length !== 64) refuse("JWS_SHAPE", "an ES256 or EdDSA signature has 64 bytes");
  const payload = parseDocumentText(fromBase64url(jws.payload));
  return {
    kind,
    header,
    payload,
    signingInput: utf8(`${jws.protected}.${jws.payload}`),
    signature,
    digest: digestOf(jws),
    jws,
  };
}

function headerOf({ alg, kid, typ, ...rest }: JsonObject): AnswerHeader {
  if (Object.keys(rest).length > 0) refuse("HEADER_FORBIDDEN", "a document's protected header is {alg, kid, typ}");
  const known = JWS_ALGORITHMS.find((algorithm) => algorithm === alg);
  if (known === undefined) return refuse("ALG_FORBIDDEN", "alg must be ES256 or EdDSA");
  if (typeof kid !== "string" || !KID.test(kid))
    return refuse("JWS_SHAPE", "kid must be <party>#<RFC 7638 thumbprint>");
  if (typeof typ !== "string") return refuse("TYP_MISMATCH", "typ names the kind of document");
  return { alg: known, kid, typ };
}

/** As other wallets and verifiers of W3C credentials take it. @see RFC 7515 §7.1 */
export const compactOf = ({ payload, protected: header, signature }: FlattenedJws): string =>
  `${header}.${payload}.${signature}`;

/** Errors: MALFORMED · JWS_SHAPE. */
export function flattenedOf(compact: string): FlattenedJws {
  const [header, payload, signature, ...rest] = compact.trim().split(".");
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return refuse("JWS_SHAPE", "a compact JWS has three parts");
  }
  return { payload, protected: header, signature };
}
