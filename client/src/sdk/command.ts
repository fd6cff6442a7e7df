/** Signed commands: every call of a client is one, reads included. */
import { defined, limitsOf, type Verb } from "@quanji/chaincode/domain";
import {
  canonical,
  type FlattenedJws,
  type HashText,
  type JsonObject,
  type Limits,
  LIMITS,
  type Openings,
  requestOfJws,
  signJws,
  typOf,
} from "@quanji/chaincode/log";
import { commitValues, type Values } from "./commitments.js";
import type { Signer } from "./keys.js";
import { type Random, uuid } from "./random.js";

export interface SignedCommand {
  readonly jws: FlattenedJws;
  /** SHA-256 of what was signed: the command's identity. */
  readonly request: HashText;
  readonly jti: string;
  readonly url: string;
  readonly openings?: Openings;
}

export interface CommandInput {
  readonly signer: Signer;
  readonly verb: Verb | "read";
  /** The gateway's *registered* public URL with path and query, whatever address is dialled. */
  readonly url: string;
  readonly payload: JsonObject;
  /** What the command commits to, by path. */
  readonly values?: Values;
  readonly nowMs: number;
  readonly random: Random;
  /** Default: a new one. */
  readonly jti?: string;
}

/** Signs. Errors: MALFORMED if the payload has no canonical form. */
export async function signCommand(input: CommandInput): Promise<SignedCommand> {
  const { signer, verb, url, nowMs, random } = input;
  const jti = input.jti ?? uuid(random);
  const { payload, openings } = commitValues(input.payload, input.values ?? {}, { kid: signer.kid, jti }, random);
  const header = { alg: signer.alg, iat: Math.floor(nowMs / 1000), jti, kid: signer.kid, typ: typOf(verb), url };
  const limits = verb === "read" ? LIMITS : limitsOf(verb);
  const jws = await signJws(header, payload, signer.sign, limits);
  return defined({ jws, request: requestOfJws(jws), jti, url, openings });
}

export const JOSE = "application/jose+json";
export const WITH_OPENINGS = "application/vnd.quanji.command+json";

export interface CommandBody {
  readonly type: typeof JOSE | typeof WITH_OPENINGS;
  readonly text: string;
}

/** A value may nest as deep as a payload, below path and opening. */
const OPENINGS_LIMITS: Limits = { maxBytes: 64 * 1024, maxDepth: LIMITS.maxDepth + 2 };

/** Members in canonical order, and base64url needs no escaping: this is the canonical form. */
const jwsText = ({ payload, protected: header, signature }: FlattenedJws): string =>
  `{"payload":"${payload}","protected":"${header}","signature":"${signature}"}`;

/** The body of the HTTP request, canonical JSON. */
export function bodyOf({ jws, openings }: Pick<SignedCommand, "jws" | "openings">): CommandBody {
  if (openings === undefined) return { type: JOSE, text: jwsText(jws) };
  const text = `{"command":${jwsText(jws)},"openings":${canonical(openings, OPENINGS_LIMITS)}}`;
  return { type: WITH_OPENINGS, text };
}
