/** What all objects of the ledger share. */
import { z } from "zod";
import type { HashText } from "../log/hash.js";
import { QuanjiError } from "./errors.js";
import { Digest, NetworkId } from "./ids.js";

/** Which transaction last changed an object. The block is added by the read model: chaincode cannot know it. */
export interface Changed {
  readonly time: string;
  readonly tx: string;
}

/** `n`: how many commands changed the object, its position in the object's command chain. */
export interface Versioned {
  readonly version: number;
  readonly n: number;
  readonly at: Changed;
}

/** A verified command on its way into a transition. */
export interface CommandFacts {
  /** Ledger time of the transaction. */
  readonly time: string;
  readonly timeMs: number;
  readonly tx: string;
  /** Party of the key that signed. */
  readonly signer: string;
  readonly signerRoles: readonly Role[];
  readonly kid: string;
  readonly request: HashText;
}

export const ROLES = [
  "regulator",
  "registrar",
  "holder",
  "user",
  "operator",
  "exchange",
  "listOwner",
  "auditor",
  "assessor",
] as const;
export type Role = (typeof ROLES)[number];

/** Shape of a party's public JWK, which may be an Ethereum key; log/keys.ts checks that it is a strong key. */
export const PartyJwk = z.strictObject({
  crv: z.enum(["P-256", "Ed25519", "secp256k1"]),
  kty: z.enum(["EC", "OKP"]),
  x: Digest,
  y: Digest.optional(),
});

/** Of gateways, requesters, signers of trust files: of all that sign bytes as they are. */
export const Jwk = PartyJwk.refine(({ crv }) => crv !== "secp256k1", "an Ethereum key signs commands of persons alone");

export const Net = { net: NetworkId } as const;
/** A commitment in a command: SHA-256(0x04 ‖ salt ‖ [kid, jti, path, value]); its opening travels beside the command. */
export const Committed = Digest;

/** Lists that are sets: no repetition, at least one, at most `max`. */
export const setOf = <T extends z.ZodType<string>>(item: T, max: number, min = 1) =>
  z
    .array(item)
    .min(min)
    .max(max)
    .refine((items) => new Set(items).size === items.length, "the list repeats an item");

/** One row of a state machine. `from` undefined: the object does not exist yet. `who` is checked by the contract. */
export interface Transition<State extends string, Verb extends string> {
  readonly verb: Verb;
  readonly from: readonly (State | undefined)[];
  /** Undefined: the state that the command leads to follows from its content (e.g. the last approval). */
  readonly to: State | undefined;
  readonly who: string;
}

/** The row that allows `verb` in `state`. Errors: STATE_CONFLICT naming the present state. */
export function transitionFor<State extends string, Verb extends string>(
  machine: readonly Transition<State, Verb>[],
  verb: Verb,
  state: State | undefined,
): Transition<State, Verb> {
  const row = machine.find((candidate) => candidate.verb === verb && candidate.from.includes(state));
  if (row !== undefined) return row;
  const now = state === undefined ? "does not exist" : `is ${state}`;
  throw new QuanjiError("STATE_CONFLICT", `${verb} is not allowed: the object ${now}`, { detail: state ?? "absent" });
}

/** Errors: STATE_CONFLICT if the object is absent; for transitions that need one. */
export function existing<T>(value: T | undefined, verb: string): T {
  if (value === undefined)
    throw new QuanjiError("STATE_CONFLICT", `${verb} is not allowed: the object does not exist`, { detail: "absent" });
  return value;
}

export const changed = (facts: CommandFacts): Changed => ({ time: facts.time, tx: facts.tx });

/** Removes members whose value is undefined: JSON has no such thing, and neither has the canonical form. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
