/**
 * Statement 清算单: deliveries × tariff. One pure function; the exchange closes a statement with it and the payer runs the same
 * one over the deliveries of its own trail. Neither the order in which deliveries come nor who computes can change a unit.
 */
import { z } from "zod";
import { appendLeaves, emptyFrontier, type Frontier, rootOf } from "../../log/tree.js";
import { type Hash, hashText } from "../../log/hash.js";
import { QuanjiError } from "../errors.js";
import { CodeName, Digest } from "../ids.js";
import { Amount, Price } from "./amount.js";
import { priceLines } from "./price.js";
import type { Indicator, Tariff } from "./tariff.js";

/** One billable delivery: its record in a log, and how much it brought in the tariff's unit. */
export interface Metered {
  readonly log: string;
  readonly index: number;
  /** Leaf hash of the delivery's record. */
  readonly leaf: Hash;
  readonly purpose: string;
  /** Rows or bytes where the tariff counts them; of no account otherwise. */
  readonly quantity: bigint;
}

/**
 * `tier`: what one bracket costs, `tier` counting from 1; `free`: uses of free purposes. Both name the deliveries they stand on:
 * how many, and the root of the RFC 9162 tree over their leaves in the order of (log, index). A delivery whose rows cross the
 * end of a tier stands under both lines. The other kinds follow from the lines before them.
 */
export const StatementLine = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("tier"),
    tier: z.int().min(1),
    quantity: Price,
    amount: Price,
    deliveries: z.int().min(0),
    root: Digest,
  }),
  z.strictObject({
    kind: z.literal("free"),
    quantity: Price,
    amount: z.literal("0"),
    deliveries: z.int().min(1),
    root: Digest,
  }),
  z.strictObject({ kind: z.literal("discount"), bps: z.int(), amount: Amount }),
  z.strictObject({ kind: z.literal("minimum"), amount: Price }),
  z.strictObject({ kind: z.literal("performance"), indicator: CodeName, value: Amount, amount: Amount }),
]);
export type StatementLine = z.infer<typeof StatementLine>;

export interface Reckoning {
  readonly lines: readonly StatementLine[];
  readonly total: bigint;
}

export interface Circumstances {
  /** The first statement of its contract: a tariff by product asks its price here and never again. */
  readonly isFirst: boolean;
  /** The signed figure that a tariff with `performance` needs. */
  readonly indicator?: Indicator;
}

/** Leaves are hashed into the tree by the thousand: a frontier a leaf would be copied ten million times. */
const BATCH = 1024;

/** Quantity and count of deliveries, and the root of the tree over their leaves. */
export class DeliveryEvidence {
  quantity = 0n;
  #frontier: Frontier = emptyFrontier();
  #waiting: Hash[] = [];

  add(leaf: Hash, quantity: bigint): void {
    this.quantity += quantity;
    this.#waiting.push(leaf);
    if (this.#waiting.length === BATCH) this.#settle();
  }

  get lines(): { readonly quantity: string; readonly deliveries: number; readonly root: string } {
    this.#settle();
    return {
      quantity: String(this.quantity),
      deliveries: this.#frontier.size,
      root: hashText(rootOf(this.#frontier)),
    };
  }

  #settle(): void {
    this.#frontier = appendLeaves(this.#frontier, this.#waiting);
    this.#waiting = [];
  }
}

const NOTHING = new DeliveryEvidence();

/** @see {@link reckon} for deliveries that are at hand; this one takes them as they are read, and keeps none. */
export class StatementFold {
  readonly #tariff: Tariff;
  readonly #free: ReadonlySet<string>;
  readonly #tiers: readonly DeliveryEvidence[];
  readonly #ends: readonly bigint[];
  readonly #freeUse = new DeliveryEvidence();
  #counted = 0n;
  #at = 0;
  #last: { readonly log: string; readonly index: number } | undefined;

  constructor(tariff: Tariff) {
    this.#tariff = tariff;
    this.#free = new Set(tariff.freePurposes);
    this.#tiers = tariff.tiers.map(() => new DeliveryEvidence());
    this.#ends = tariff.tiers.flatMap(({ upTo }) => (upTo === undefined ? [] : [BigInt(upTo)]));
  }

  /**
   * The next delivery in the order of (log, index), logs by their text.
   * Errors: EVIDENCE_MISSING: out of order, or one that was counted already; MALFORMED: a negative quantity.
   */
  add(delivery: Metered): void {
    this.#assertNext(delivery);
    const { leaf, purpose } = delivery;
    const quantity = this.#measure(delivery);
    if (this.#free.has(purpose)) {
      this.#freeUse.add(leaf, quantity);
      return;
    }
    let left = quantity;
    do {
      const end = this.#ends[this.#at];
      const room = end === undefined ? left : end - this.#counted;
      if (room === 0n && left > 0n) {
        this.#at += 1;
        continue;
      }
      const here = left < room ? left : room;
      this.#tiers[this.#at]?.add(leaf, here);
      this.#counted += here;
      left -= here;
    } while (left > 0n);
  }

  /** Errors: EVIDENCE_MISSING: the tariff pays by an indicator, and none, or another one, is there. */
  close(circumstances: Circumstances): Reckoning {
    const tiers = this.#tiers.map((tier) => tier.lines);
    const free = this.#freeUse.lines;
    const use = {
      charged: this.#counted,
      free: this.#freeUse.quantity,
      isCharged: tiers.some(({ deliveries }) => deliveries > 0),
      isFree: free.deliveries > 0,
    };
    const { lines, total } = priceLines(this.#tariff, use, circumstances);
    return {
      lines: lines.map((line): StatementLine => {
        if (line.kind === "free") return { ...line, deliveries: free.deliveries, root: free.root };
        if (line.kind !== "tier") return line;
        const { deliveries, root } = tiers[line.tier - 1] ?? NOTHING.lines;
        return { ...line, deliveries, root };
      }),
      total,
    };
  }

  #measure({ quantity }: Metered): bigint {
    if (quantity < 0n) throw new QuanjiError("MALFORMED", "a delivery brings 0 or more", { field: "quantity" });
    switch (this.#tariff.unit) {
      case "call":
        return 1n;
      case "row":
      case "byte":
        return quantity;
      case "period":
      case "product":
        return 0n;
    }
  }

  #assertNext({ log, index }: Metered): void {
    const last = this.#last;
    if (last !== undefined && (log < last.log || (log === last.log && index <= last.index))) {
      throw new QuanjiError("EVIDENCE_MISSING", "each delivery counts once, in the order of its log", {
        field: "deliveries",
        detail: `${log}#${index}`,
      });
    }
    this.#last = { log, index };
  }
}

const byPlace = (a: Metered, b: Metered): number => (a.log === b.log ? a.index - b.index : a.log < b.log ? -1 : 1);

/** Lines and total of deliveries in whatever order. Errors: as {@link StatementFold}. */
export function reckon(tariff: Tariff, deliveries: Iterable<Metered>, circumstances: Circumstances): Reckoning {
  const fold = new StatementFold(tariff);
  for (const delivery of [...deliveries].sort(byPlace)) fold.add(delivery);
  return fold.close(circumstances);
}

/**
 * What taking deliveries back changes: the total without them, less the total with them; 0 or less unless a minimum holds it.
 * Errors: EVIDENCE_MISSING: one of `withdrawn` is not among `deliveries`.
 */
export function adjustment(
  tariff: Tariff,
  deliveries: readonly Metered[],
  withdrawn: readonly Pick<Metered, "log" | "index">[],
  circumstances: Circumstances,
): bigint {
  const place = ({ log, index }: Pick<Metered, "log" | "index">): string => `${log}#${index}`;
  const gone = new Set(withdrawn.map(place));
  const kept = deliveries.filter((delivery) => !gone.has(place(delivery)));
  if (deliveries.length - kept.length !== gone.size) {
    throw new QuanjiError("EVIDENCE_MISSING", "only what the statement counts can be taken back", {
      field: "deliveries",
    });
  }
  return reckon(tariff, kept, circumstances).total - reckon(tariff, deliveries, circumstances).total;
}
