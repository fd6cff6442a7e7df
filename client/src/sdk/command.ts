/** Signed commands: every call of a client is one, reads included. */
import { defined, limitsOf, type Verb } from "@quanji/chaincode/domain";
import {
  canonical,
  type CommandHeader,
  type FlattenedJws,
  type HashText,
  type JsonObject,
  type Limits,
  LIMITS,
  type Openings,
  requestOfJws,
  signJws,
  typedCommand,
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

/**
 * Persons read before they sign: their command is dated so many seconds ahead. A gateway takes it up to 60 s ahead of its clock and
 * up to 60 s after it, so that leaves a minute and a half, and half a minute for clocks that differ.
 */
const READING_SECONDS = 30;

/** What a command will be once it is signed. */
export interface UnsignedCommand {
  readonly header: CommandHeader;
  readonly payload: JsonObject;
  readonly openings?: Openings;
}

/** Header, and the payload with its commitments; nothing is signed. */
export function prepareCommand(input: Omit<CommandInput, "signer"> & { readonly signer: Omit<Signer, "sign"> }) {
  const { signer, verb, url, nowMs, random } = input;
  const jti = input.jti ?? uuid(random);
  const { payload, openings } = commitValues(input.payload, input.values ?? {}, { kid: signer.kid, jti }, random);
  const iat = Math.floor(nowMs / 1000) + (signer.signTyped === undefined ? 0 : READING_SECONDS);
  const header = { alg: signer.alg, iat, jti, kid: signer.kid, typ: typOf(verb), url };
  return defined({ header, payload, openings }) satisfies UnsignedCommand;
}

/** Signs. Errors: MALFORMED if the payload has no canonical form; those of a wallet. */
export async function signCommand(input: CommandInput): Promise<SignedCommand> {
  const { signer, verb } = input;
  const command = prepareCommand(input);
  const { header, payload } = command;
  const { signTyped } = signer;
  const sign = signTyped === undefined ? signer.sign : () => signTyped(typedCommand(header, payload));
  return finishCommand(command, sign, verb === "read" ? LIMITS : limitsOf(verb));
}

/** `sign` as `signJws` has it. */
export async function finishCommand(
  { header, payload, openings }: UnsignedCommand,
  sign: Signer["sign"],
  limits: Limits,
): Promise<SignedCommand> {
  const jws = await signJws(header, payload, sign, limits);
  return defined({ jws, request: requestOfJws(jws), jti: header.jti, url: header.url, openings });
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
