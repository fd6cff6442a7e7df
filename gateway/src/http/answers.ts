/**
 * What the gateway says: signed answers bound to the request that they answer, and problem details (RFC 9457). Only where
 * no command could be parsed is a problem unsigned; a client treats that as a fault of the transport.
 */
import type { ServerResponse } from "node:http";
import { ANSWER_TYP, type Code, CODES, isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import {
  type Algorithm,
  canonical,
  type FlattenedJws,
  type Limits,
  type SignBytes,
  signJws,
} from "@quanji/chaincode/log";
import { signDocument } from "@quanji/client/documents";
import { LedgerError } from "../ledger/ledger.js";
import { JOSE } from "./envelope.js";

/** Answers hold pages of objects and receipts, so they may be larger than a command. */
export const ANSWER_LIMITS: Limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 40 };

/** `typ` of the account at the end of a stream: {request, digest, bytes, rows, outcome}. */
export const DELIVERY_TYP = "quanji-delivery+jws";
/** `typ` of `/v1/network`, the one signed answer to an unsigned question. */
export const NETWORK_TYP = "quanji-network+jws";

export const PROBLEM = "application/problem+json";

export interface AnswerKey {
  readonly kid: string;
  readonly alg: Algorithm;
  /** 64 bytes over the signing input. */
  readonly sign: SignBytes;
}

export class Answers {
  readonly #key: AnswerKey;

  constructor(key: AnswerKey) {
    this.#key = key;
  }

  sign(typ: string, payload: unknown): Promise<FlattenedJws> {
    const { kid, alg, sign } = this.#key;
    return signJws({ alg, kid, typ }, payload, sign, ANSWER_LIMITS);
  }

  answer(request: string, status: number, body: unknown): Promise<FlattenedJws> {
    return this.sign(ANSWER_TYP, { request, status, body });
  }

  /** A credential of this gateway (`vc+jwt`). */
  credential(payload: unknown): Promise<FlattenedJws> {
    return signDocument("certificate", payload, this.#key);
  }

  async send(response: ServerResponse, request: string, status: number, body: unknown): Promise<void> {
    const text = jwsText(await this.answer(request, status, body));
    sendText(response, status, JOSE, text);
  }
}

/** Base64url and member names need no escaping, so this is the canonical form. */
export const jwsText = (jws: FlattenedJws): string =>
  `{"payload":"${jws.payload}","protected":"${jws.protected}","signature":"${jws.signature}"}`;

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.statusCode = status;
  response.setHeader("content-type", type);
  response.setHeader("content-length", Buffer.byteLength(text));
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  response.end(text);
}

export interface Problem {
  /** Reference to the table of codes, which says more. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: Code;
  /** The sentence for this case. */
  readonly detail: string;
  /** A finer code or a short fact. */
  readonly reason?: string;
  readonly field?: string;
  /** The gateway's time, where a clock was the matter. */
  readonly now?: string;
}

/** What has no code of ours is INTERNAL, and its words stay in the log. */
export function toQuanjiError(error: unknown): QuanjiError {
  if (isQuanjiError(error)) return error;
  if (error instanceof LedgerError && error.fault === "UNAVAILABLE") {
    return new QuanjiError("BEHIND", "the gateway does not reach its ledger now: ask again in a moment", {
      detail: "UNAVAILABLE",
      cause: error,
    });
  }
  return new QuanjiError("INTERNAL", "the gateway failed; its log has this request with the cause", { cause: error });
}

export function problemOf(error: QuanjiError, now?: string): Problem {
  const { status, meaning } = CODES[error.code];
  return {
    type: `/v1/codes#${error.code}`,
    title: meaning,
    // A code that never travels means that something inside let it out.
    status: status === 0 ? 500 : status,
    code: error.code,
    detail: wellFormed(error.message),
    ...(error.detail !== undefined && { reason: wellFormed(error.detail) }),
    ...(error.field !== undefined && error.field !== "" && { field: wellFormed(error.field) }),
    ...(error.code === "COMMAND_STALE" && now !== undefined && { now }),
  };
}

/** Field names come from the caller: what cannot be written as UTF-8 is replaced, and long ones are cut. */
const wellFormed = (text: string): string => text.toWellFormed().slice(0, 400).toWellFormed();

export function sendProblem(response: ServerResponse, problem: Problem): void {
  sendText(response, problem.status, PROBLEM, canonical(problem));
}

/** One wording for what is absent and for what the caller may not see. */
export const notFound = (): QuanjiError => new QuanjiError("NOT_FOUND", "there is nothing here that you may see");
