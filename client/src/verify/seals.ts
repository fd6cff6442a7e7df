/**
 * Records that an order of the regulator hides for a time. They count by their leaves; which leaf may be hidden, until when and by
 * whose authority, the order says, and what is shown where an order once hid something has that leaf.
 */
import { applySeal, type CommandFacts, type Payload, type Seal, type SealCommand } from "@quanji/chaincode/domain";
import { refuse } from "./verdict.js";

/** One order, and how many entries of the evidence it hides. */
export interface SealedBy {
  readonly order: string;
  readonly authority: string;
  /** The party that gave it. */
  readonly by: string;
  readonly until: string;
  readonly entries: number;
}

interface Order {
  readonly payload: Payload<"record.seal">;
  readonly facts: CommandFacts;
  state: Seal;
  /** Until when the chain that holds it is attested. */
  readonly attested: string;
}

interface Place {
  readonly order: Order;
  readonly index: number;
  readonly leaf: string;
}

export class Seals {
  readonly #orders = new Map<string, Order>();
  /** By log and leaf: all orders that name it. */
  readonly #places = new Map<string, Place[]>();
  /** Leaf that an order names, by log and index. */
  readonly #leaves = new Map<string, string>();
  readonly #used = new Map<string, SealedBy>();

  /** Errors: those of {@link applySeal}. @param attested time up to which the chain is attested */
  add(command: SealCommand, facts: CommandFacts, attested: string): void {
    const known = this.#orders.get(command.payload.order);
    const state = applySeal(known?.state, command, facts);
    if (command.verb === "record.unseal") {
      if (known !== undefined) known.state = state;
      return;
    }
    const { payload } = command;
    const order: Order = { payload, facts, state, attested };
    this.#orders.set(payload.order, order);
    for (const { index, leaf } of payload.records) {
      const name = `${payload.log} ${leaf}`;
      this.#places.set(name, [...(this.#places.get(name) ?? []), { order, index, leaf }]);
      this.#leaves.set(`${payload.log} ${index}`, leaf);
    }
  }

  /** All orders under which entries were hidden, in the order in which they were met. */
  get used(): readonly SealedBy[] {
    return [...this.#used.values()];
  }

  /** Index of the hidden entry with that leaf. Errors: SEAL_UNPROVEN (no order names it), SEAL_EXPIRED. */
  indexOf(log: string, leaf: string): number {
    const places = this.#places.get(`${log} ${leaf}`);
    if (places === undefined) return refuse("SEAL_UNPROVEN", "an entry is sealed, and no order names it");
    const place = places.find(({ order: { state, attested } }) => state.lifted === undefined && state.until > attested);
    if (place === undefined)
      return refuse("SEAL_EXPIRED", "an entry is sealed whose order has ended: it is to be shown");
    const { payload, facts } = place.order;
    this.#used.set(payload.order, {
      order: payload.order,
      authority: payload.authority,
      by: facts.signer,
      until: payload.until,
      entries: (this.#used.get(payload.order)?.entries ?? 0) + 1,
    });
    return place.index;
  }

  /** Errors: SEAL_MISMATCH. */
  assertMatches(log: string, index: number, leafOf: () => string): void {
    if (this.#leaves.size === 0) return;
    const leaf = this.#leaves.get(`${log} ${index}`);
    if (leaf !== undefined && leaf !== leafOf()) {
      refuse("SEAL_MISMATCH", "the record shown is not the one that was sealed at this place");
    }
  }
}
