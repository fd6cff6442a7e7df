/**
 * What the gateway says counts only if the gateway signed it, for this very request. Anything else is either a fault of the
 * transport (nobody signed) or ANSWER_MISMATCH (somebody signed something else).
 */
import { Answer, type Code, isCode, parseWith, QuanjiError, ANSWER_TYP } from "@quanji/chaincode/domain";
import {
  type AnswerHeader,
  type FlattenedJws,
  type Json,
  type JsonObject,
  type Limits,
  parseAnswerJws,
  type ParsedJws,
  type PublicJwk,
  type VerifySignature,
} from "@quanji/chaincode/log";
import { JOSE } from "./command.js";
import { type Reply, transportFault } from "./transport.js";

/** Pages of objects and receipts are larger than commands. */
export const ANSWER_LIMITS: Limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 40 };

/** A gateway's registered key. */
export interface GatewayKey {
  readonly kid: string;
  readonly jwk: PublicJwk;
}

export const mismatch = (message: string, detail: string, cause?: unknown): QuanjiError =>
  new QuanjiError("ANSWER_MISMATCH", message, { detail, ...(cause !== undefined && { cause }) });

/** Parses what a gateway signed. Errors: ANSWER_MISMATCH · JWS_SHAPE, TYP_MISMATCH, KEY_UNKNOWN, SIGNATURE_INVALID. */
export async function openSigned(
  input: unknown,
  typ: string,
  key: GatewayKey,
  verify: VerifySignature,
): Promise<ParsedJws<AnswerHeader>> {
  const parsed = parse(input);
  if (parsed.header.typ !== typ) throw mismatch(`the gateway's answer is not of type ${typ}`, "TYP_MISMATCH");
  if (parsed.header.kid !== key.kid) {
    throw mismatch("the answer names another key than the one registered for this gateway", "KEY_UNKNOWN");
  }
  if (!(await verify(key.jwk, parsed.signingInput, parsed.signature))) {
    throw mismatch("the answer's signature does not verify under the gateway's registered key", "SIGNATURE_INVALID");
  }
  return parsed;
}

function parse(input: unknown): ParsedJws<AnswerHeader> {
  try {
    return parseAnswerJws(input, ANSWER_LIMITS);
  } catch (cause) {
    throw mismatch("the gateway's answer is not a signed answer", "JWS_SHAPE", cause);
  }
}

export interface OpenedAnswer {
  readonly status: number;
  readonly body: Json;
  readonly jws: FlattenedJws;
}

/**
 * Reads a signed answer to `request`. Errors: UNREACHABLE · UNSIGNED (a problem that nobody signed), ANSWER_MISMATCH ·
 * those of {@link openSigned}, REQUEST_MISMATCH, STATUS_MISMATCH.
 */
export async function openAnswer(
  reply: Reply,
  request: string,
  key: GatewayKey,
  verify: VerifySignature,
): Promise<OpenedAnswer> {
  const text = await reply.text();
  if (reply.type !== JOSE) throw unsigned(reply.status, text);
  const parsed = await openSigned(parseJson(text), ANSWER_TYP, key, verify);
  const answer = parseWith(Answer, parsed.payload);
  if (answer.request !== request) throw mismatch("this is the answer to another request", "REQUEST_MISMATCH");
  if (answer.status !== reply.status)
    throw mismatch("the signed status is not the one that was sent", "STATUS_MISMATCH");
  return { status: answer.status, body: answer.body as Json, jws: parsed.jws };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw mismatch("the gateway's answer is not JSON", "JWS_SHAPE", cause);
  }
}

/** Its words are shown, for they often help; its code is not believed, for anybody on the way may have written it. */
function unsigned(status: number, text: string): QuanjiError {
  const said = problemIn(text);
  return transportFault(
    said === undefined
      ? `the gateway, or something in between, answered ${status} without a signature`
      : `the gateway, or something in between, answered ${status} without a signature: ${said}`,
    "UNSIGNED",
  );
}

function problemIn(text: string): string | undefined {
  try {
    const { code, detail, title } = JSON.parse(text) as Record<string, unknown>;
    const words = [code, detail ?? title].filter((word): word is string => typeof word === "string");
    return words.length === 0 ? undefined : words.join(": ").slice(0, 300);
  } catch {
    return undefined; // not a problem document: the status says all there is
  }
}

/** A problem (RFC 9457) that the gateway signed. */
export interface Problem {
  readonly code: Code;
  readonly message: string;
  readonly reason?: string;
  readonly field?: string;
  /** The gateway's time, if clocks were the matter. */
  readonly now?: string;
  /** With a recorded access: the rule that denied it, or `permit` if the data could not be had. */
  readonly rule?: string;
  /** The receipt of that record. */
  readonly receipt?: unknown;
}

export function problemOf(body: Json): Problem {
  const { code, detail, title, reason, field, now, rule, receipt } = asObject(body);
  return {
    code: typeof code === "string" && isCode(code) ? code : "INTERNAL",
    message: [detail, title, code].find((text): text is string => typeof text === "string") ?? "the gateway refused",
    ...(typeof reason === "string" && { reason }),
    ...(typeof field === "string" && { field }),
    ...(typeof now === "string" && { now }),
    ...(typeof rule === "string" && { rule }),
    ...(receipt !== undefined && { receipt }),
  };
}

export const errorOf = ({ code, message, reason, field }: Problem): QuanjiError =>
  new QuanjiError(code, message, {
    ...(reason !== undefined && { detail: reason }),
    ...(field !== undefined && { field }),
  });

export const asObject = (body: Json): JsonObject =>
  typeof body === "object" && !Array.isArray(body) ? (body as JsonObject) : {};

/** Body of a 2xx answer; throws what the gateway refused with. */
export function successOf(answer: OpenedAnswer): JsonObject {
  if (answer.status < 300) return asObject(answer.body);
  throw errorOf(problemOf(answer.body));
}
