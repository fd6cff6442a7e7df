/** From bytes to a command whose form is certain. Signatures, keys and clocks are checked afterwards (authenticate.ts). */
import type { IncomingMessage } from "node:http";
import { COMMANDS, limitsOf, OpeningsSchema, parseWith, QuanjiError, type Verb } from "@quanji/chaincode/domain";
import {
  type CommandHeader,
  type JsonObject,
  type Limits,
  LIMITS,
  type Openings,
  parseCanonical,
  parseCommandJws,
  type ParsedJws,
  verifyCommitment,
} from "@quanji/chaincode/log";
import { readBody } from "./body.js";

export const JOSE = "application/jose+json";
/** `{command, openings}`: what the command commits to travels beside it, never inside. */
export const WITH_OPENINGS = "application/vnd.quanji.command+json";

export interface Received {
  readonly parsed: ParsedJws<CommandHeader>;
  /** Undefined where none came. Checked against the command's commitments. */
  readonly openings: Openings | undefined;
}

/** base64url is 4⁄3 of its bytes; headers, signatures and openings have room beside the payload. */
const BESIDE_BYTES = 40 * 1024;
const bodyBytes = ({ maxBytes }: Limits): number => Math.ceil(maxBytes * 1.4) + BESIDE_BYTES;
/** The body around JWS and openings: an opening's value nests as deep as a payload, below three levels of ours. */
const bodyLimits = (limits: Limits): Limits => ({ maxBytes: bodyBytes(limits), maxDepth: limits.maxDepth + 3 });

export const limitsFor = (verb: Verb | "read"): Limits => (verb === "read" ? LIMITS : limitsOf(verb));
export const maxBodyBytes = (verb: Verb | "read"): number => bodyBytes(limitsFor(verb));

/** Errors: MEDIA_TYPE, TOO_LARGE, TIMEOUT, MALFORMED: nothing is known yet that an answer could be bound to. */
export async function receive(request: IncomingMessage, verb: Verb | "read", timeoutMs: number): Promise<Received> {
  const type = mediaType(request);
  const limits = limitsFor(verb);
  const body = parseCanonical(await readBody(request, { maxBytes: bodyBytes(limits), timeoutMs }), bodyLimits(limits));
  if (type === JOSE) return { parsed: parseCommandJws(body, limits), openings: undefined };
  const { command, openings, ...rest } = body;
  if (Object.keys(rest).length > 0) {
    throw new QuanjiError("MALFORMED", "the body has the members command and openings", { detail: "FIELD_UNKNOWN" });
  }
  const parsed = parseCommandJws(command, limits);
  return { parsed, openings: openings === undefined ? undefined : (parseWith(OpeningsSchema, openings) as Openings) };
}

function mediaType(request: IncomingMessage): typeof JOSE | typeof WITH_OPENINGS {
  const type = request.headers["content-type"]?.toLowerCase();
  if (type === JOSE || type === WITH_OPENINGS) return type;
  request.resume();
  throw new QuanjiError("MEDIA_TYPE", `send ${JOSE}, or ${WITH_OPENINGS} if openings go with the command`, {
    field: "content-type",
  });
}

/** Errors: MALFORMED · FIELD_UNKNOWN (an opening of nothing), SALT_LENGTH, COMMITMENT_MISMATCH. */
export function checkOpenings(verb: Verb | "read", { parsed, openings }: Received): void {
  const committed: readonly string[] = verb === "read" ? [] : COMMANDS[verb].committed;
  for (const [path, opening] of Object.entries(openings ?? {})) {
    const commitment = committed.includes(path) ? memberAt(parsed.payload, path) : undefined;
    if (typeof commitment !== "string") {
      throw new QuanjiError("MALFORMED", "an opening belongs to a commitment of the command", {
        detail: "FIELD_UNKNOWN",
        field: `openings.${path}`,
      });
    }
    verifyCommitment(commitment, [parsed.header.kid, parsed.header.jti], path, opening);
  }
}

function memberAt(payload: JsonObject, path: string): unknown {
  let value: unknown = payload;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as JsonObject)[name];
  }
  return value;
}
