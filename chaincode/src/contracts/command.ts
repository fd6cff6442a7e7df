/**
 * Every state change is a signed command: received, checked and filed here, once for all contracts. A command is checked
 * against the signer's key on the ledger at this height, the submitting gateway's URL, an unused jti and the network.
 */
import { z } from "zod";
import {
  assertPartyId,
  COMMANDS,
  type CommandFacts,
  type GatewayEntry,
  type Group,
  instant,
  isVerb,
  keyIsValid,
  keyOf,
  limitsOf,
  newKey,
  OpeningsSchema,
  parsePayload,
  parseWith,
  type Party,
  type PartyKey,
  type Payload,
  QuanjiError,
  type Role,
  type Verb,
} from "../domain/index.js";
import {
  algorithmOf,
  canonical,
  type ChainHead,
  type ChainKey,
  type CommandEntry,
  type CommandHeader,
  entryLeaf,
  extend,
  type JsonObject,
  type Openings,
  parseCommandJws,
  type ParsedJws,
  type PublicJwk,
  partyOf,
  signedBytes,
  thumbprintOf,
  verbOf,
  type VerifySignature,
  verifyCommitment,
} from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import { saltFor, type State } from "../world/state.js";
import type { StoredCommand } from "../world/stored.js";

/** How far a command's iat may lie from the transaction's time. The gateway's own window is half of it. */
const MAX_IAT_SKEW_MS = 120_000;
/** How far the transaction's timestamp, which the submitter chooses, may lie from this endorser's clock. */
export const MAX_CLOCK_SKEW_MS = 30_000;

export type AnyPayload = { [V in Verb]: { readonly verb: V; readonly payload: Payload<V> } }[Verb];

/** A command that has passed every check that does not depend on its verb. */
export type Received = AnyPayload & {
  readonly jws: ParsedJws<CommandHeader>;
  readonly openings: Openings;
  readonly facts: CommandFacts;
  /** Undefined for network.init and party.register, whose signer does not exist yet. */
  readonly signer: Party | undefined;
  readonly gateway: GatewayEntry | undefined;
};

const Arguments = z.strictObject({ gateway: z.string().max(32) });

/** Reads transient JSON. Errors: MALFORMED. */
export function transientJson(state: State, name: string): unknown {
  const text = state.world.transient(name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QuanjiError("MALFORMED", `transient ${name} is not JSON`, { cause });
  }
}

export function parseArguments<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return parseWith(schema, JSON.parse(text));
  } catch (cause) {
    if (cause instanceof QuanjiError) throw cause;
    throw new QuanjiError("MALFORMED", "the argument is not JSON", { cause });
  }
}

/** Errors: NOT_RECORDED, for a time that this endorser does not believe. */
export function assertClock(state: State): void {
  if (Math.abs(state.world.timestampMs - state.world.clock()) > MAX_CLOCK_SKEW_MS) {
    throw new QuanjiError("NOT_RECORDED", "the transaction's time is more than 30 s off this endorser's clock");
  }
}

/**
 * Takes the command out of transient data and checks it. Errors: MALFORMED, SIGNATURE_INVALID, COMMAND_STALE,
 * COMMAND_MISDIRECTED, COMMAND_REPLAYED, KEY_INVALID, PARTY_INACTIVE, NOT_RECORDED, NOT_FOUND.
 */
export async function receive(
  state: State,
  verify: VerifySignature,
  group: Group,
  argument: string,
): Promise<Received> {
  assertClock(state);
  const { gateway: gatewayName } = parseArguments(Arguments, argument);
  const input = transientJson(state, "command");
  const jws = parseCommand(input, group);
  const timeMs = await state.timeMs();
  if (Math.abs(timeMs - jws.header.iat * 1000) > MAX_IAT_SKEW_MS) {
    throw new QuanjiError("COMMAND_STALE", "the command was signed too long ago, or its clock is ahead: sign it anew");
  }
  const command = jws.command;
  const first = command.verb === "network.init";
  const gateway = first ? undefined : await state.gateway(gatewayName);
  const publicUrl = first
    ? command.payload.gateways.find((entry) => entry.name === gatewayName && entry.msp === state.world.submitterMsp)
        ?.publicUrl
    : gateway?.msp === state.world.submitterMsp
      ? gateway.publicUrl
      : undefined;
  if (publicUrl === undefined || jws.header.url !== `${publicUrl}/v1/commands/${command.verb}`) {
    throw new QuanjiError("COMMAND_MISDIRECTED", "url is not this gateway's registered URL for the command");
  }
  const openings = checkOpenings(state, command.verb, jws);
  await assertUnused(state, jws);
  const signer = await signerOf(state, verify, command, jws, timeMs);
  return {
    ...command,
    jws,
    openings,
    gateway,
    signer: signer.party,
    facts: {
      time: instant(timeMs),
      timeMs,
      tx: state.world.txId,
      signer: partyOf(jws.header.kid),
      signerRoles: signer.roles,
      kid: jws.header.kid,
      request: jws.request,
    },
  };
}

type ParsedCommand = ParsedJws<CommandHeader> & { readonly command: AnyPayload };

function parseCommand(input: unknown, group: Group): ParsedCommand {
  const typ = peekVerb(input);
  if (!isVerb(typ) || typ === "access" || typ === "access.void" || COMMANDS[typ].group !== group) {
    throw new QuanjiError("MALFORMED", "that command does not belong to this contract", { detail: "TYP_MISMATCH" });
  }
  const jws = parseCommandJws(input, limitsOf(typ));
  if (verbOf(jws.header.typ) !== typ) throw new QuanjiError("MALFORMED", "typ changed", { detail: "TYP_MISMATCH" });
  const payload: unknown = parsePayload(typ, jws.payload);
  return { ...jws, command: { verb: typ, payload } as AnyPayload };
}

/** The verb decides how long a payload may be, so the header is parsed first; everything is parsed again afterwards. */
function peekVerb(input: unknown): string {
  const { protected: header } = (input ?? {}) as Record<string, unknown>;
  const empty = canonical({});
  const placeholder = { payload: base64OfAscii(empty), protected: header, signature: "A".repeat(86) };
  return verbOf(parseCommandJws(placeholder).header.typ);
}

const base64OfAscii = (text: string): string => btoa(text).replaceAll("=", "");

function checkOpenings(state: State, verb: Verb, jws: ParsedJws<CommandHeader>): Openings {
  const openings = parseWith(OpeningsSchema.optional(), transientJson(state, "openings")) as Openings | undefined;
  for (const [path, opening] of Object.entries(openings ?? {})) {
    const commitment = COMMANDS[verb].committed.some((name) => name === path) ? memberAt(jws.payload, path) : undefined;
    if (typeof commitment !== "string") {
      throw new QuanjiError("MALFORMED", "an opening belongs to no commitment of the command", { field: path });
    }
    verifyCommitment(commitment, [jws.header.kid, jws.header.jti], path, opening);
  }
  return openings ?? {};
}

function memberAt(payload: JsonObject, path: string): unknown {
  let value: unknown = payload;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as JsonObject)[name];
  }
  return value;
}

async function assertUnused(state: State, { header }: ParsedJws<CommandHeader>): Promise<void> {
  if ((await state.jti(header.kid, header.jti)) !== undefined) {
    throw new QuanjiError("COMMAND_REPLAYED", "that jti was used before: sign a new command", { field: "jti" });
  }
}

async function signerOf(
  state: State,
  verify: VerifySignature,
  command: AnyPayload,
  jws: ParsedJws<CommandHeader>,
  timeMs: number,
): Promise<{ readonly party: Party | undefined; readonly roles: readonly Role[] }> {
  const id = partyOf(jws.header.kid);
  const founding = foundingKey(command, id, timeMs);
  if (founding !== undefined) {
    await assertSigned(verify, founding, jws);
    return { party: undefined, roles: command.verb === "network.init" ? ["regulator"] : [] };
  }
  const network = await state.network();
  if (network.net !== (command.payload as { net: string }).net) {
    throw new QuanjiError("COMMAND_MISDIRECTED", "the command names another network", { detail: "NETWORK_MISMATCH" });
  }
  const party = await state.party(id);
  const key = party === undefined ? undefined : keyOf(party, thumbprintOf(jws.header.kid));
  if (party === undefined || key === undefined) {
    throw new QuanjiError("SIGNATURE_INVALID", "the key that signed is not registered for that party");
  }
  await assertSigned(verify, key, jws);
  assertMayAct(party, key, command.verb, timeMs);
  return { party, roles: party.roles };
}

/** The key of network.init and party.register stands in the command itself: its signature proves possession. */
function foundingKey(
  command: AnyPayload,
  id: string,
  timeMs: number,
): Pick<PartyKey, "jwk" | "thumbprint"> | undefined {
  const input =
    command.verb === "network.init"
      ? {
          party: command.payload.regulator.party,
          key: { jwk: command.payload.regulator.jwk, purpose: "act", custody: "self" } as const,
        }
      : command.verb === "party.register"
        ? { party: command.payload.party, key: command.payload.key }
        : undefined;
  if (input === undefined) return undefined;
  if (input.party !== id)
    throw new QuanjiError("SIGNATURE_INVALID", "a party registers itself", { detail: "KEY_PARTY" });
  assertPartyId(id);
  return newKey(input.key, { time: instant(timeMs), timeMs });
}

async function assertSigned(
  verify: VerifySignature,
  key: { readonly jwk: PublicJwk; readonly thumbprint: string },
  jws: ParsedJws<CommandHeader>,
): Promise<void> {
  const fits = key.thumbprint === thumbprintOf(jws.header.kid) && algorithmOf(key.jwk) === jws.header.alg;
  if (!fits || !(await verify(key.jwk, signedBytes(jws), jws.signature))) {
    throw new QuanjiError("SIGNATURE_INVALID", "the signature does not verify under the registered key");
  }
}

/** A recovery key only replaces keys; everything else is signed by an acting key of an active party. */
function assertMayAct(party: Party, key: PartyKey, verb: Verb, timeMs: number): void {
  const recovers = verb === "party.rotateKey" || verb === "party.compromiseKey";
  if (!keyIsValid(key, timeMs) && !(recovers && keyIsValid(key, timeMs, "recovery"))) {
    throw new QuanjiError("KEY_INVALID", "the key is outside its window, compromised, or of another purpose");
  }
  if (party.state !== "active") throw new QuanjiError("PARTY_INACTIVE", "the party is not active");
}

export function requireRole(received: Received, ...roles: readonly Role[]): void {
  if (roles.some((role) => received.facts.signerRoles.includes(role))) return;
  throw new QuanjiError("ROLE_REQUIRED", `only a party with the role ${roles.join(" or ")} may do this`);
}

export function entryOf({ verb, facts }: Pick<Received, "verb" | "facts">): string {
  const entry: CommandEntry = {
    request: facts.request,
    time: facts.time,
    tx: facts.tx,
    v: "quanji.entry.v1",
    verb,
  };
  return canonical(entry);
}

/** Files a command on public objects: extends their chains and the signer's `acts`, keeps the command, uses up its jti. */
export async function filePublic(
  state: State,
  received: Received,
  net: string,
  keys: readonly ChainKey[],
): Promise<void> {
  const entry = entryOf(received);
  const all: readonly ChainKey[] = [...keys, { scope: net, kind: "acts", id: received.facts.signer }];
  const chains: (ChainKey & { n: number })[] = [];
  for (const key of all) {
    const head = extend(await state.publicHead(key), entryLeaf(entry));
    await state.putPublicHead(key, head);
    chains.push({ ...key, n: head.n });
  }
  await state.putCommand({ v: "quanji.command.v1", entry, command: received.jws.jws, chains });
  await useJti(state, received);
  if (Object.keys(received.openings).length > 0) {
    const msp = state.world.submitterMsp;
    // The jti is random and known to the endorsers only until the block; the openings' own salts are what hides them.
    await state.putOpenings(msp, received.facts.request, received.openings, openingNonce(received));
  }
}

/** Files a command on a private object (a grant) in the organisation's collection. */
export async function filePrivate(
  state: State,
  received: Pick<Received, "verb" | "facts" | "openings"> & { readonly jws: Pick<Received["jws"], "jws"> },
  msp: string,
  keys: readonly ChainKey[],
): Promise<void> {
  const secret = await state.secret(msp);
  const nonce = privateNonce(secret, state);
  const entry = entryOf(received);
  const chains: (ChainKey & { n: number })[] = [];
  for (const key of keys) {
    const head: ChainHead = extend(await state.privateHead(msp, secret, key), entryLeaf(entry));
    await state.putPrivateHead(msp, secret, key, head, nonce);
    chains.push({ ...key, n: head.n });
  }
  const stored: StoredCommand = {
    v: "quanji.command.v1",
    entry,
    command: received.jws.jws,
    chains,
    openings: received.openings,
    salt: saltFor(nonce, received.facts.request),
  };
  await state.putPrivateCommand(msp, stored);
}

export const useJti = (state: State, { jws, facts }: Received): Promise<void> =>
  state.put(publicKeys.jti(jws.header.kid, jws.header.jti), { request: facts.request });

/** Unguessable outside the collection, equal at its endorsers, different in each transaction. */
export const privateNonce = (secret: string, state: State): string => saltFor(secret, state.world.txId);

/** The openings' salts are random and never leave the collection: a digest of them is as unguessable. */
const openingNonce = (received: Received): string =>
  saltFor(Object.values(received.openings)[0]?.salt ?? "", received.facts.request);
