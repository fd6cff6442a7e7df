/**
 * Flattened JWS (RFC 7515 §7.2.2) in the manner of ACME (RFC 8555 §6), parsed strictly *before* any library sees it: JOSE
 * libraries accept unprotected headers, extra members, duplicate names and loose base64, each a place to hide meaning.
 * Signatures are not checked here: that is the caller's engine (node:crypto or WebCrypto).
 */
import { QuanjiError } from "../domain/errors.js";
import { fromBase64url, fromUtf8, utf8 } from "./bytes.js";
import { type JsonObject, type Limits, LIMITS, parseCanonical } from "./canonical.js";
import { type Hash, type HashText, hashText, sha256 } from "./hash.js";

/** Of what is no command: answers, receipts, trust files, notices. */
export const JWS_ALGORITHMS = ["ES256", "EdDSA"] as const;
/** Of commands. `EIP712` is a name of ours: such a signature is over typed data (typed-data.ts), RFC 8812's ES256K over other bytes. */
export const ALGORITHMS = [...JWS_ALGORITHMS, "EIP712"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Exactly these members, each canonical base64url. */
export interface FlattenedJws {
  readonly payload: string;
  readonly protected: string;
  readonly signature: string;
}

/** Protected header of a command. `kid` = `<party>#<RFC 7638 thumbprint>`; `iat` in seconds; `url` as registered. */
export interface CommandHeader {
  readonly alg: Algorithm;
  readonly iat: number;
  readonly jti: string;
  readonly kid: string;
  readonly typ: string;
  readonly url: string;
}

/** Protected header of what a gateway signs: answers, receipts. */
export interface AnswerHeader {
  readonly alg: Algorithm;
  readonly kid: string;
  readonly typ: string;
}

/** A command whose form is certain and whose signature is not checked yet. */
export interface ParsedJws<Header> {
  readonly header: Header;
  readonly payload: JsonObject;
  /** ASCII of `protected.payload`: what is signed, except with EIP712 (`signedBytes`). */
  readonly signingInput: Uint8Array;
  /** 64 bytes: r ‖ s for ES256 and EIP712, R ‖ S for EdDSA. */
  readonly signature: Uint8Array;
  /** Identity of the command: SHA-256 of the signing input. Signatures are malleable, so never hash or compare those. */
  readonly request: HashText;
  readonly jws: FlattenedJws;
}

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

const COMMAND_MEMBERS = ["alg", "iat", "jti", "kid", "typ", "url"] as const;
const ANSWER_MEMBERS = ["alg", "kid", "typ"] as const;

export const JTI = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const KID = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}#[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const TYP = /^quanji-[a-zA-Z.]{1,48}\+jws$/;
const MAX_URL = 2048;

/** Takes each member once from a hostile object. Errors: MALFORMED · JWS_SHAPE. */
export function parseFlattened(input: unknown): FlattenedJws {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return refuse("JWS_SHAPE", "a flattened JWS is a JSON object of payload, protected and signature");
  }
  const { payload, protected: header, signature, ...rest } = input as Record<string, unknown>;
  if (typeof payload !== "string" || typeof header !== "string" || typeof signature !== "string") {
    return refuse("JWS_SHAPE", "payload, protected and signature must each be a base64url string");
  }
  if (Object.keys(rest).length > 0)
    refuse("JWS_SHAPE", "a flattened JWS has no members but payload, protected, signature");
  return { payload, protected: header, signature };
}

/** Errors: MALFORMED · JWS_SHAPE, BASE64_INVALID, NOT_CANONICAL, HEADER_FORBIDDEN, ALG_FORBIDDEN, and those of the profile. */
export function parseCommandJws(
  input: unknown,
  limits: Limits = LIMITS,
  read?: PayloadReader,
): ParsedJws<CommandHeader> {
  return parseJws(input, limits, commandHeaderOf, read);
}

/** What a canonical payload holds, if it is of a kind that the caller knows a short way to; undefined for all others. */
export type PayloadReader = (text: string) => JsonObject | undefined;

/** As {@link parseCommandJws}, for what a gateway signs. */
export function parseAnswerJws(input: unknown, limits: Limits = LIMITS): ParsedJws<AnswerHeader> {
  return parseJws(input, limits, (text) => answerHeader(parseCanonical(text)));
}

function parseJws<Header>(
  input: unknown,
  limits: Limits,
  parseHeader: (text: string) => Header,
  read?: PayloadReader,
): ParsedJws<Header> {
  const jws = parseFlattened(input);
  if (jws.payload.length > limits.maxBytes * 1.4) refuse("LIMIT_EXCEEDED", "the payload is too long");
  if (jws.protected.length > LIMITS.maxBytes || jws.signature.length > 128)
    refuse("LIMIT_EXCEEDED", "the JWS is too long");
  const header = parseHeader(fromUtf8(fromBase64url(jws.protected)));
  const signature = fromBase64url(jws.signature);
  if (signature.length !== 64) refuse("JWS_SHAPE", "a signature has 64 bytes");
  const bytes = fromBase64url(jws.payload);
  if (bytes.length > limits.maxBytes) refuse("LIMIT_EXCEEDED", "the payload is too long");
  const payloadText = fromUtf8(bytes);
  const payload = read?.(payloadText) ?? parseCanonical(payloadText, limits);
  const signingInput = utf8(`${jws.protected}.${jws.payload}`);
  return { header, payload, signingInput, signature, request: requestOf(signingInput), jws };
}

const requestOf = (signingInput: Uint8Array): HashText => hashText(sha256(signingInput));

/** The identity of a JWS without parsing it further. */
export const requestOfJws = (jws: FlattenedJws): HashText => requestOf(utf8(`${jws.protected}.${jws.payload}`));

export const requestHashOf = (jws: FlattenedJws): Hash => sha256(utf8(`${jws.protected}.${jws.payload}`));

function exactMembers(header: JsonObject, members: readonly string[]): void {
  const names = Object.keys(header); // sorted, as the members are: the header is canonical
  if (names.length !== members.length || !members.every((name, i) => names[i] === name)) {
    refuse("HEADER_FORBIDDEN", `the protected header has exactly the members ${members.join(", ")}`);
  }
}

function commonHeader(header: JsonObject, algorithms: readonly Algorithm[]): AnswerHeader {
  const alg = algorithms.find((known) => known === header["alg"]);
  if (alg === undefined) return refuse("ALG_FORBIDDEN", `alg must be one of ${algorithms.join(", ")}`);
  const { kid, typ } = header;
  if (typeof kid !== "string" || !KID.test(kid))
    return refuse("JWS_SHAPE", "kid must be <party>#<RFC 7638 thumbprint>");
  if (typeof typ !== "string" || !TYP.test(typ)) return refuse("TYP_MISMATCH", "typ must be quanji-<verb>+jws");
  return { alg, kid, typ };
}

function answerHeader(header: JsonObject): AnswerHeader {
  exactMembers(header, ANSWER_MEMBERS);
  return commonHeader(header, JWS_ALGORITHMS);
}

/** A header up to what a key's requests have in common. */
const HEADER =
  /^\{"alg":"(ES256|EdDSA)","iat":(0|[1-9][0-9]{0,14}),"jti":"([0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})",/;

/** The last header of a command that was parsed, and its canonical text from `kid` on: the next is often the same key's. */
let known: { readonly rest: string; readonly header: CommandHeader } | undefined;

function commandHeaderOf(text: string): CommandHeader {
  const found = HEADER.exec(text);
  const [start = "", alg, iat, jti = ""] = found ?? [];
  if (found !== null && known !== undefined && text.endsWith(known.rest)) {
    const { kid, typ, url } = known.header;
    const isWhole = text.length === start.length + known.rest.length;
    if (isWhole) return { alg: alg as Algorithm, iat: Number(iat), jti, kid, typ, url };
  }
  const header = commandHeader(parseCanonical(text));
  if (found !== null) known = { rest: text.slice(start.length), header };
  return header;
}

function commandHeader(header: JsonObject): CommandHeader {
  exactMembers(header, COMMAND_MEMBERS);
  const { iat, jti, url } = header;
  if (typeof iat !== "number") return refuse("JWS_SHAPE", "iat must be a number of seconds since 1970");
  if (typeof jti !== "string" || !JTI.test(jti)) return refuse("JWS_SHAPE", "jti must be a UUID, version 4 or 7");
  if (typeof url !== "string" || url.length > MAX_URL)
    return refuse("JWS_SHAPE", `url must be a string of at most ${MAX_URL}`);
  const common = commonHeader(header, ALGORITHMS);
  if (common.alg === "EIP712") assertByPerson(common.typ);
  return { ...common, iat, jti, url };
}

/**
 * Commands that programs sign, by the thousand or by the mebibyte: nobody reads them in a wallet, and a signature of EIP712 takes
 * some 25 times as long to check as another.
 */
const BY_PROGRAMS: ReadonlySet<string> = new Set(
  ["access", "access.void", "access.accept", "tally.sign", "boundary.publish"].map((verb) => `quanji-${verb}+jws`),
);

/** Errors: MALFORMED · ALG_FORBIDDEN. */
export function assertByPerson(typ: string): void {
  if (BY_PROGRAMS.has(typ)) refuse("ALG_FORBIDDEN", "programs sign this command: with a key of ES256 or EdDSA");
}

/** Verb of a command: `grant.revoke` of `quanji-grant.revoke+jws`. */
export const verbOf = (typ: string): string => typ.slice("quanji-".length, -"+jws".length);
export const typOf = (verb: string): string => `quanji-${verb}+jws`;

export const partyOf = (kid: string): string => kid.slice(0, kid.indexOf("#"));
export const thumbprintOf = (kid: string): string => kid.slice(kid.indexOf("#") + 1);
