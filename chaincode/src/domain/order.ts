/** Orders 冻结令: the regulator's stops, alone and at once. All of them live in one key that only the regulator may write. */
import { z } from "zod";
import type { HashText } from "../log/hash.js";
import type { FlattenedJws } from "../log/jws.js";
import { QuanjiError } from "./errors.js";
import { Digest, PartyId, ResourceId, Uuid } from "./ids.js";
import { type CommandFacts, Committed, Net } from "./shared.js";
import { msOf } from "./time.js";

/** A grant is named by its stop digest, never by its id: orders are public, and grant ids must stay unguessable. */
const Target = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("resource"), id: ResourceId }),
  z.strictObject({ kind: z.literal("party"), id: PartyId }),
  z.strictObject({ kind: z.literal("grant"), id: Digest }),
]);

export const OrderFreeze = z.strictObject({ ...Net, order: Uuid, target: Target, ground: Committed });
export const OrderLift = z.strictObject({ ...Net, order: Uuid, ground: Committed });

export type OrderCommand =
  | { readonly verb: "order.freeze"; readonly payload: z.infer<typeof OrderFreeze> }
  | { readonly verb: "order.lift"; readonly payload: z.infer<typeof OrderLift> };

export interface Order {
  readonly id: string;
  readonly target: z.infer<typeof Target>;
  readonly issuer: string;
  readonly since: string;
  readonly lifted?: string;
}

/**
 * The value of the key `orders`. The chain head and the newest command stand inside, because an order writes this key
 * alone: a second key would need a second organisation and so give it a veto.
 */
export interface Orders {
  readonly v: "quanji.orders.v1";
  readonly n: number;
  readonly h: HashText;
  readonly entries: readonly Order[];
  /** The command that made this value: entry bytes and JWS, so that blocks hold every order. */
  readonly last?: { readonly entry: string; readonly command: FlattenedJws };
}

export const MAX_ORDERS = 1000;
/** Lifted orders are kept this long, so that the same command cannot be replayed while its iat is still fresh. */
const KEEP_LIFTED_MS = 600_000;

/** Entries after a command. Errors: STATE_CONFLICT, ROLE_REQUIRED. */
export function applyOrder(entries: readonly Order[], command: OrderCommand, facts: CommandFacts): readonly Order[] {
  const known = entries.find((entry) => entry.id === command.payload.order);
  const kept = entries.filter(
    (entry) => entry.lifted === undefined || facts.timeMs - msOf(entry.lifted) < KEEP_LIFTED_MS,
  );
  if (command.verb === "order.freeze") {
    if (known !== undefined)
      throw new QuanjiError("STATE_CONFLICT", "an order with that id exists", { field: "order" });
    if (kept.length >= MAX_ORDERS) {
      throw new QuanjiError("STATE_CONFLICT", `there are ${MAX_ORDERS} orders: lift some first`, { field: "order" });
    }
    const { order: id, target } = command.payload;
    return [...kept, { id, target, issuer: facts.signer, since: facts.time }];
  }
  if (known === undefined || known.lifted !== undefined) {
    throw new QuanjiError("STATE_CONFLICT", "no order with that id is in force", { field: "order" });
  }
  if (known.issuer !== facts.signer) {
    throw new QuanjiError("ROLE_REQUIRED", "an order is lifted by the party that gave it", { field: "order" });
  }
  return kept.map((entry) => (entry.id === known.id ? { ...entry, lifted: facts.time } : entry));
}

export interface FreezeTargets {
  readonly resource: string;
  readonly parties: readonly string[];
  /** Stop digests of the grant and its ancestors. */
  readonly grants: readonly string[];
}

/** The order that freezes one of the targets, if any. */
export const freezeOn = (entries: readonly Order[], targets: FreezeTargets): Order | undefined =>
  entries.find(({ lifted, target }) => {
    if (lifted !== undefined) return false;
    switch (target.kind) {
      case "resource":
        return target.id === targets.resource;
      case "party":
        return targets.parties.includes(target.id);
      case "grant":
        return targets.grants.includes(target.id);
    }
  });
