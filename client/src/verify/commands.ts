/** One command of a chain: its entry, and the JWS that the entry names. Signatures are checked when all keys are known. */
import {
  Instant,
  isVerb,
  limitsOf,
  msOf,
  parsePayload,
  type Payload,
  STATEMENT_VERBS,
  type Verb,
} from "@quanji/chaincode/domain";
import {
  type CommandHeader,
  entryLeaf,
  type FlattenedJws,
  fromBase64url,
  type Hash,
  isHashText,
  parseCanonical,
  parseCommandJws,
  type ParsedJws,
  signedBytes,
  verbOf,
} from "@quanji/chaincode/log";
import { refuse } from "./verdict.js";

export type AnyCommand = { readonly [V in Verb]: { readonly verb: V; readonly payload: Payload<V> } }[Verb];

export interface ChainCommand {
  readonly command: AnyCommand;
  /** Without the payload's JSON: `command` holds it, typed. */
  readonly jws: Pick<ParsedJws<CommandHeader>, "header" | "signature" | "request"> & {
    /** What the signature is over. */
    readonly signed: Uint8Array;
  };
  readonly leaf: Hash;
  readonly time: string;
  readonly timeMs: number;
  readonly tx: string;
}

/** Errors: VERSION_UNKNOWN, REQUEST_MISMATCH, TYP_MISMATCH, FIELD_UNKNOWN, and those of JWS and payload. */
export function openCommand(entryText: string, request: FlattenedJws): ChainCommand {
  const entry = openEntry(entryText);
  const verb = peekVerb(request);
  const parsed = parseCommandJws(request, limitsOf(verb));
  const { header, payload, signature, request: name } = parsed;
  if (name !== entry.request) refuse("REQUEST_MISMATCH", "the entry names another command than the one beside it");
  if (entry.verb !== verb) refuse("TYP_MISMATCH", "the entry names another verb than its command");
  const command = { verb, payload: parsePayload(verb, payload) } as AnyCommand;
  return {
    command,
    jws: { header, signature, request: name, signed: signedBytes(parsed) },
    leaf: entryLeaf(entryText),
    time: entry.time,
    timeMs: msOf(entry.time),
    tx: entry.tx,
  };
}

/** A command that a file counts and does not show: its entry, without what was signed. */
export interface WithheldCommand {
  readonly verb: Verb;
  readonly request: string;
  readonly leaf: Hash;
  readonly time: string;
}

/** What happens to a month's money. Who signed the contract, and on which terms, is never withheld. */
const WITHHOLDABLE: ReadonlySet<string> = new Set<Verb>([...STATEMENT_VERBS, "indicator.sign"]);

/** Errors: COMMAND_WITHHELD: not a command on one month of a contract; those of {@link openCommand}'s entry. */
export function openWithheld(entryText: string): WithheldCommand {
  const { verb, request, time } = openEntry(entryText);
  if (!WITHHOLDABLE.has(verb)) refuse("COMMAND_WITHHELD", "a command is withheld that every reader has to see");
  return { verb: verb as Verb, request, leaf: entryLeaf(entryText), time };
}

function openEntry(text: string): {
  readonly request: string;
  readonly time: string;
  readonly tx: string;
  readonly verb: string;
} {
  const { request, time, tx, v, verb, ...rest } = parseCanonical(text);
  if (v !== "quanji.entry.v1") refuse("VERSION_UNKNOWN", "the entry's version is not quanji.entry.v1");
  const known =
    Object.keys(rest).length === 0 &&
    typeof request === "string" &&
    isHashText(request) &&
    typeof tx === "string" &&
    typeof verb === "string" &&
    typeof time === "string" &&
    Instant.safeParse(time).success;
  if (!known) return refuse("FIELD_UNKNOWN", "an entry is {request, time, tx, v, verb}");
  return { request, time, tx, verb };
}

/** The verb says how long the payload may be, so the header is looked at first; it is parsed again, whole, afterwards. */
function peekVerb(request: FlattenedJws): Verb {
  const { typ } = parseCanonical(fromBase64url(request.protected));
  const verb = typeof typ === "string" ? verbOf(typ) : "";
  if (!isVerb(verb) || verb === "access" || verb === "access.void") {
    return refuse("TYP_MISMATCH", "the entry's command is not one that changes state");
  }
  return verb;
}
