/** Party 主体: an organisation or person, with keys, roles and a home organisation. */
import { z } from "zod";
import { algorithmOf, parsePublicJwk, type PublicJwk, thumbprint } from "../log/keys.js";
import type { Algorithm } from "../log/jws.js";
import { QuanjiError } from "./errors.js";
import { assertPartyId, Digest, Jurisdiction, Msp, PartyId, Title } from "./ids.js";
import {
  changed,
  type CommandFacts,
  Committed,
  defined,
  existing,
  Net,
  PartyJwk,
  ROLES,
  type Role,
  setOf,
  type Transition,
  transitionFor,
  type Versioned,
} from "./shared.js";
import type { PartyOpenTagKey, PartyTagKey } from "./subject.js";
import { addTagKey, openTagKey, type TagKey } from "./subject.js";
import { Instant, msOf } from "./time.js";

/**
 * `act` signs commands and accesses; `recovery` only replaces keys; `tally` is a source's; `escrow` is what stewards encrypt
 * their tag keys to, and signs nothing. One key, one purpose.
 */
export const KEY_PURPOSES = ["act", "recovery", "tally", "escrow"] as const;

const NewKey = z.strictObject({
  jwk: PartyJwk,
  purpose: z.enum(KEY_PURPOSES),
  /** Who holds the private key: the party itself, or a host for it. Evidence says which. */
  custody: z.enum(["self", "hosted"]),
  from: Instant.optional(),
  until: Instant.optional(),
});

/** Signature of the new key over {@link possessionBytes}, base64url, 64 bytes. */
const Possession = z.string().regex(/^[A-Za-z0-9_-]{86}$/, "a signature of 64 bytes in base64url");

export const PartyRegister = z.strictObject({
  ...Net,
  party: PartyId,
  kind: z.enum(["org", "person", "foreign"]),
  /** Absent for persons: their names are nobody's business here. */
  name: Title.optional(),
  roles: setOf(z.enum(ROLES), ROLES.length),
  jurisdiction: Jurisdiction,
  home: Msp,
  /** Signs this command: that is the proof of possession. */
  key: NewKey,
  /** Commitment to {name, title} of the responsible head; required of organisations. */
  responsibleHead: Committed.optional(),
});
export const PartyAdmit = z.strictObject({ ...Net, party: PartyId, roles: setOf(z.enum(ROLES), ROLES.length) });
export const PartyRotateKey = z.strictObject({
  ...Net,
  party: PartyId,
  key: NewKey,
  possession: Possession,
  /** Thumbprint of a key that ends with this command. */
  retire: Digest.optional(),
});
export const PartyCompromiseKey = z.strictObject({ ...Net, party: PartyId, thumbprint: Digest, since: Instant });
export const PartySuspend = z.strictObject({ ...Net, party: PartyId, ground: Committed.optional() });
export const PartyResume = z.strictObject({ ...Net, party: PartyId });

export interface PartyKey {
  readonly thumbprint: string;
  readonly jwk: PublicJwk;
  readonly purpose: (typeof KEY_PURPOSES)[number];
  readonly custody: "self" | "hosted";
  readonly from: string;
  readonly until?: string;
  /** Since when others may have held it. Declaring it ends the key at once; earlier commands are doubted, not invalid. */
  readonly compromisedSince?: string;
}

export type PartyState = "pending" | "active" | "suspended";

export interface Party extends Versioned {
  readonly v: "quanji.party.v1";
  readonly id: string;
  readonly state: PartyState;
  readonly kind: "org" | "person" | "foreign";
  readonly name?: string;
  readonly roles: readonly Role[];
  readonly jurisdiction: string;
  readonly home: string;
  readonly keys: readonly PartyKey[];
  readonly responsibleHead?: string;
  /** Of a steward: keys that its subjects' tags are made with, one a quarter. */
  readonly tagKeys?: readonly TagKey[];
}

export type PartyVerb =
  | "party.register"
  | "party.admit"
  | "party.rotateKey"
  | "party.compromiseKey"
  | "party.suspend"
  | "party.resume"
  | "party.tagKey"
  | "party.openTagKey";

export const PARTY_MACHINE: readonly Transition<PartyState, PartyVerb>[] = [
  { verb: "party.register", from: [undefined], to: "pending", who: "the party's own new key, which proves possession" },
  { verb: "party.admit", from: ["pending"], to: "active", who: "registrar or regulator" },
  { verb: "party.rotateKey", from: ["active"], to: "active", who: "the party, by an old or a recovery key" },
  { verb: "party.compromiseKey", from: ["active"], to: "active", who: "the party, by an old or a recovery key" },
  { verb: "party.suspend", from: ["active"], to: "suspended", who: "regulator" },
  { verb: "party.resume", from: ["suspended"], to: "active", who: "regulator" },
  { verb: "party.tagKey", from: ["active"], to: "active", who: "the party" },
  { verb: "party.openTagKey", from: ["active", "suspended"], to: undefined, who: "regulator" },
];

export type PartyCommand =
  | { readonly verb: "party.register"; readonly payload: z.infer<typeof PartyRegister> }
  | { readonly verb: "party.admit"; readonly payload: z.infer<typeof PartyAdmit> }
  | { readonly verb: "party.rotateKey"; readonly payload: z.infer<typeof PartyRotateKey> }
  | { readonly verb: "party.compromiseKey"; readonly payload: z.infer<typeof PartyCompromiseKey> }
  | { readonly verb: "party.suspend"; readonly payload: z.infer<typeof PartySuspend> }
  | { readonly verb: "party.resume"; readonly payload: z.infer<typeof PartyResume> }
  | { readonly verb: "party.tagKey"; readonly payload: z.infer<typeof PartyTagKey> }
  | { readonly verb: "party.openTagKey"; readonly payload: z.infer<typeof PartyOpenTagKey> };

const MAX_KEYS = 64;

/** The party after a command. Pure: the contract has checked who signed. Errors: STATE_CONFLICT, KEY_INVALID, MALFORMED. */
export function applyParty(party: Party | undefined, command: PartyCommand, facts: CommandFacts): Party {
  const { to } = transitionFor(PARTY_MACHINE, command.verb, party?.state);
  if (command.verb === "party.register") return registerParty(command.payload, facts);
  const before = existing(party, command.verb);
  const next = {
    ...before,
    state: to ?? before.state,
    n: before.n + 1,
    version: before.version + 1,
    at: changed(facts),
  };
  switch (command.verb) {
    case "party.admit":
      return { ...next, roles: command.payload.roles };
    case "party.rotateKey":
      return { ...next, keys: rotate(before.keys, command.payload, facts) };
    case "party.compromiseKey":
      return { ...next, keys: compromise(before.keys, command.payload, facts) };
    case "party.suspend":
    case "party.resume":
      return next;
    case "party.tagKey":
      return { ...next, tagKeys: addTagKey(before.tagKeys ?? [], command.payload, facts) };
    case "party.openTagKey":
      return { ...next, tagKeys: openTagKey(before.tagKeys ?? [], command.payload.quarter) };
  }
}

function registerParty(payload: z.infer<typeof PartyRegister>, facts: CommandFacts): Party {
  assertPartyId(payload.party);
  if (payload.kind === "org" && (payload.name === undefined || payload.responsibleHead === undefined)) {
    throw new QuanjiError("BASIS_MISSING", "an organisation registers with its name and a responsible head", {
      field: payload.name === undefined ? "name" : "responsibleHead",
    });
  }
  const key = newKey(payload.key, facts);
  if (key.purpose !== "act") {
    throw new QuanjiError("MALFORMED", "a party's first key has the purpose act", { field: "key.purpose" });
  }
  return defined({
    v: "quanji.party.v1" as const,
    id: payload.party,
    state: "pending" as const,
    kind: payload.kind,
    name: payload.name,
    roles: payload.roles,
    jurisdiction: payload.jurisdiction,
    home: payload.home,
    keys: [key],
    responsibleHead: payload.responsibleHead,
    version: 1,
    n: 1,
    at: changed(facts),
  });
}

/** A key starts when its command commits, or later; never before. */
export function newKey(input: z.infer<typeof NewKey>, facts: Pick<CommandFacts, "time" | "timeMs">): PartyKey {
  const jwk = parsePublicJwk(defined(input.jwk));
  if (jwk.crv === "secp256k1" && input.purpose !== "act" && input.purpose !== "recovery") {
    throw new QuanjiError("MALFORMED", "an Ethereum key is for acting or recovery: sources have keys of their own", {
      detail: "ALG_FORBIDDEN",
      field: "key.jwk",
    });
  }
  const from = input.from ?? facts.time;
  if (msOf(from) < facts.timeMs)
    throw new QuanjiError("BACKDATED", "a key cannot start in the past", { field: "key.from" });
  if (input.until !== undefined && msOf(input.until) <= msOf(from)) {
    throw new QuanjiError("MALFORMED", "the key's window is empty", { field: "key.until" });
  }
  return defined({
    thumbprint: thumbprint(jwk),
    jwk,
    purpose: input.purpose,
    custody: input.custody,
    from,
    until: input.until,
  });
}

function rotate(
  keys: readonly PartyKey[],
  payload: z.infer<typeof PartyRotateKey>,
  facts: CommandFacts,
): readonly PartyKey[] {
  const key = newKey(payload.key, facts);
  if (keys.some((old) => old.thumbprint === key.thumbprint)) {
    throw new QuanjiError("STATE_CONFLICT", "that key is registered already", { field: "key" });
  }
  if (keys.length >= MAX_KEYS) throw new QuanjiError("STATE_CONFLICT", `a party has at most ${MAX_KEYS} keys`);
  const kept = payload.retire === undefined ? keys : endKey(keys, payload.retire, { until: facts.time });
  return [...kept, key];
}

function compromise(
  keys: readonly PartyKey[],
  payload: z.infer<typeof PartyCompromiseKey>,
  facts: CommandFacts,
): readonly PartyKey[] {
  if (msOf(payload.since) > facts.timeMs) {
    throw new QuanjiError("MALFORMED", "a compromise is declared for now or the past", { field: "since" });
  }
  return endKey(keys, payload.thumbprint, { compromisedSince: payload.since });
}

function endKey(
  keys: readonly PartyKey[],
  print: string,
  end: { readonly until: string } | { readonly compromisedSince: string },
): readonly PartyKey[] {
  if (!keys.some((key) => key.thumbprint === print)) {
    throw new QuanjiError("KEY_INVALID", "the party has no key with that thumbprint", { field: "thumbprint" });
  }
  return keys.map((key) => (key.thumbprint === print ? { ...key, ...end } : key));
}

export const keyOf = (party: Party, print: string): PartyKey | undefined =>
  party.keys.find((key) => key.thumbprint === print);

/** Whether a key may sign at `timeMs`. Rotation and compromise bite at their commit, whatever `iat` says. */
export const keyIsValid = (key: PartyKey, timeMs: number, purpose: (typeof KEY_PURPOSES)[number] = "act"): boolean =>
  key.purpose === purpose &&
  key.compromisedSince === undefined &&
  msOf(key.from) <= timeMs &&
  (key.until === undefined || timeMs < msOf(key.until));

export const keyAlgorithm = (key: PartyKey): Algorithm => algorithmOf(key.jwk);
