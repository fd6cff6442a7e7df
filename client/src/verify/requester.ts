/** That the requester itself signed for this record: who, for which network, gateway and log, and with what content. */
import {
  type AcceptanceBody,
  AccessAccept,
  AccessRequest,
  AccessVoid,
  parseWith,
  type QuanjiRecord,
  readAccessRequest,
  sameSubjects,
  splitVersion,
  type Subjects,
  type Tags,
  type TallyBody,
  TallySign,
} from "@quanji/chaincode/domain";
import {
  algorithmOf,
  type CommandHeader,
  type FlattenedJws,
  type JsonObject,
  parseCommandJws,
  type ParsedJws,
  partyOf,
  type PublicJwk,
  thumbprint,
  thumbprintOf,
  typOf,
} from "@quanji/chaincode/log";
import type { SignatureCheck } from "./engine.js";
import { grantOf, type OpenedRecord } from "./record.js";
import { verifySignature } from "./signatures.js";
import { refuse } from "./verdict.js";

/** How far a request's `iat` may lie from its record's time: what the chaincode allows. */
const MAX_IAT_SKEW_MS = 120_000;

export type OpenedRequest = { readonly jws: Omit<ParsedJws<CommandHeader>, "jws"> } & (
  | { readonly type: "access"; readonly payload: AccessRequest }
  | { readonly type: "void"; readonly payload: AccessVoid }
  | { readonly type: "acceptance"; readonly payload: AccessAccept }
  | { readonly type: "tally"; readonly payload: TallySign }
);

const ROUTES = {
  access: { typ: typOf("access"), path: "/v1/access" },
  void: { typ: typOf("access.void"), path: "/v1/commands/access.void" },
  tally: { typ: typOf("tally.sign"), path: "/v1/commands/tally.sign" },
  acceptance: { typ: typOf("access.accept"), path: "/v1/commands/access.accept" },
} as const;

/** Form only. Errors: JWS_SHAPE, BASE64_INVALID, HEADER_FORBIDDEN, ALG_FORBIDDEN, TYP_MISMATCH, FIELD_UNKNOWN … */
export function openRequest(input: FlattenedJws | undefined): OpenedRequest {
  let access: AccessRequest | undefined;
  const jws = parseCommandJws(input, undefined, (text) => {
    access = readAccessRequest(text);
    return access as JsonObject | undefined;
  });
  switch (jws.header.typ) {
    case ROUTES.access.typ:
      return { type: "access", jws, payload: access ?? parseWith(AccessRequest, jws.payload) };
    case ROUTES.void.typ:
      return { type: "void", jws, payload: parseWith(AccessVoid, jws.payload) };
    case ROUTES.acceptance.typ:
      return { type: "acceptance", jws, payload: parseWith(AccessAccept, jws.payload) };
    case ROUTES.tally.typ:
      return { type: "tally", jws, payload: parseWith(TallySign, jws.payload) };
    default:
      return refuse("TYP_MISMATCH", "the request is of a command that no log records");
  }
}

/** Where a request had to be sent. */
export interface Addressee {
  readonly net: string;
  readonly log: string;
  /** Public URLs of the gateway that writes the log. */
  readonly urls: readonly string[];
}

/**
 * That the request names the key and its party; answers what is left to be checked, the signature itself.
 * Errors: KEY_THUMBPRINT, KEY_PARTY, ALG_FORBIDDEN.
 */
export function signerCheck({ jws }: OpenedRequest, record: QuanjiRecord, key: PublicJwk): SignatureCheck {
  if (thumbprintOf(jws.header.kid) !== knownThumbprint(key))
    refuse("KEY_THUMBPRINT", "kid is not the thumbprint of the key");
  if (partyOf(jws.header.kid) !== record.face.unit) refuse("KEY_PARTY", "the request was signed for another party");
  assertAlgorithm(jws, key);
  if (key.crv === "secp256k1") return refuse("ALG_FORBIDDEN", "an Ethereum key signs no requests");
  return { jwk: key, data: jws.signingInput, signature: jws.signature };
}

/** A trail names one key a million times. */
const thumbprints = new WeakMap<PublicJwk, string>();
function knownThumbprint(key: PublicJwk): string {
  const known = thumbprints.get(key);
  if (known !== undefined) return known;
  const print = thumbprint(key);
  thumbprints.set(key, print);
  return print;
}

/** `signed`: what the signature is over; of a command, `signedBytes`. */
type Signed = Pick<ParsedJws<Pick<CommandHeader, "alg">>, "header" | "signature"> & { readonly signed: Uint8Array };

function assertAlgorithm({ header }: Pick<Signed, "header">, key: PublicJwk): void {
  if (header.alg !== algorithmOf(key)) refuse("ALG_FORBIDDEN", "alg is not that of the key");
}

/** Errors: ALG_FORBIDDEN, SIGNATURE_INVALID. */
export async function verifyJws(jws: Signed, key: PublicJwk): Promise<void> {
  assertAlgorithm(jws, key);
  if (!(await verifySignature(key, jws.signed, jws.signature))) {
    refuse("SIGNATURE_INVALID", "the signature does not verify");
  }
}

/** Errors: URL_MISMATCH, NETWORK_MISMATCH, LOG_MISMATCH. */
export function assertAddressed({ type, jws, payload }: OpenedRequest, { net, log, urls }: Addressee): void {
  if (payload.net !== net) refuse("NETWORK_MISMATCH", "the request was signed for another network");
  if (payload.log !== log) refuse("LOG_MISMATCH", "the request was signed for another log");
  if (!urls.some((url) => jws.header.url === url + ROUTES[type].path)) {
    refuse("URL_MISMATCH", "the request was signed for another gateway or route");
  }
}

/**
 * That the record says what was asked. A delivery's request is that of its access.
 * Errors: REQUEST_MISMATCH, TYP_MISMATCH, REQUEST_CONTENT, TIME_BRACKET.
 */
export function assertContent(request: OpenedRequest, { record, timeMs }: OpenedRecord): void {
  if (request.jws.request !== record.body.request) {
    refuse("REQUEST_MISMATCH", "the record names another request than the one beside it");
  }
  if (request.jws.header.kid !== record.body.requester) refuse("REQUEST_CONTENT", "the record names another requester");
  if (request.type !== (record.type === "delivery" ? "access" : record.type))
    refuse("TYP_MISMATCH", "the request is of another command");
  if (!says(request, record)) refuse("REQUEST_CONTENT", "the record differs from what was asked");
  if (record.type === "delivery") return; // as late as the delivery itself, or the restart after a crash
  if (Math.abs(timeMs - request.jws.header.iat * 1000) > MAX_IAT_SKEW_MS) {
    refuse("TIME_BRACKET", "the record's time is more than two minutes off the request's");
  }
}

function says(request: OpenedRequest, record: QuanjiRecord): boolean {
  if (request.type === "void") return record.type === "void" && record.body.seq === request.payload.seq;
  if (request.type === "acceptance") return record.type === "acceptance" && confirms(request.payload, record.body);
  if (request.type === "tally") return record.type === "tally" && counts(request.payload, record.body);
  const isUse = record.type === "access" || record.type === "delivery";
  return isUse && asks(request.payload, record);
}

function asks(payload: AccessRequest, record: Extract<QuanjiRecord, { type: "access" | "delivery" }>): boolean {
  const same =
    splitVersion(record.body.resource).id === payload.resource &&
    record.face.purpose === payload.purpose &&
    // A grant that is not there is not named in the record, which then is a denial.
    (grantOf(record) ?? payload.grant) === payload.grant;
  if (record.type === "delivery") return same && sameSubjects(payload.subjects, record.body.subjects);
  const { action, quantity, subjects } = record.body;
  return same && action === payload.action && quantity === payload.quantity && isAbout(payload.subjects, subjects);
}

/** An access that names nobody is a bulk use, or of a resource that is about nobody. */
const isAbout = (asked: Tags | undefined, recorded: Subjects | undefined): boolean =>
  asked === undefined ? typeof recorded !== "object" : sameSubjects(asked, recorded);

/** What else the record repeats of the delivery was not signed: a trail has both, and compares them. */
const confirms = ({ record, digest, rows, subjects }: AccessAccept, body: AcceptanceBody): boolean =>
  record === body.access && digest === body.digest && rows === body.rows && sameSubjects(subjects, body.subjects);

const counts = ({ resource, from, to, served }: TallySign, body: TallyBody): boolean =>
  resource === splitVersion(body.resource).id && from === body.from && to === body.to && served === body.served;
