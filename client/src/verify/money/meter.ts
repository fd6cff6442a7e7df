/** A statement reckoned again from the records of the trail that it stands on, while that is read. */
import {
  type Contract,
  contractMonth,
  metered,
  type Metered,
  msOf,
  type Offer,
  type QuanjiRecord,
  Reckoner,
  splitVersion,
  type Statement,
  type Tariff,
} from "@quanji/chaincode/domain";
import { type Hash, hashText, type Json } from "@quanji/chaincode/log";
import { refuse } from "../verdict.js";
import { firstDifference } from "./differences.js";
import type { Finding } from "../findings.js";

export interface MeterFacts {
  readonly statement: Statement;
  readonly contract: Contract;
  readonly offer: Offer;
  readonly timeZone: string;
}

const placeName = ({ log, index }: { readonly log: string; readonly index: number }): string => `${log}#${index}`;

/** Details of a statement's lines, whose members are not a document's. */
const LINE_DETAILS: Readonly<Record<string, Finding>> = {
  tier: "TIER_DIFFERS",
  kind: "TIER_DIFFERS",
  quantity: "QUANTITY_DIFFERS",
  deliveries: "QUANTITY_DIFFERS",
  root: "DELIVERIES_DIFFER",
};

export class Meter {
  readonly #facts: MeterFacts;
  readonly #tariff: Tariff;
  readonly #grant: string;
  readonly #reckoner: Reckoner;
  readonly span: { readonly fromMs: number; readonly toMs: number };
  /** Deliveries that adjustments and disputes name, as the trail has them. */
  readonly #named = new Map<string, { readonly leaf: string; readonly item: Metered } | undefined>();

  /** Errors: DOCUMENT_EVIDENCE: the contract covers nothing of the month, or its offer has no such tariff. */
  constructor(facts: MeterFacts) {
    const { statement, contract, offer, timeZone } = facts;
    const month = contractMonth(contract, statement.period, timeZone);
    const { terms } = month.version;
    const found = offer.tariffs.find(({ version }) => version === statement.tariff);
    if (found === undefined) refuse("DOCUMENT_EVIDENCE", "the offer has no tariff of the statement's version");
    this.#facts = facts;
    this.#tariff = found.tariff;
    this.#grant = terms.grant;
    this.span = { fromMs: month.fromMs, toMs: month.toMs };
    for (const { deliveries = [] } of [...statement.adjustments, ...statement.disputes]) {
      for (const place of deliveries) this.#named.set(placeName(place), undefined);
    }
    this.#reckoner = new Reckoner({
      tariff: found.tariff,
      grant: terms.grant,
      span: this.span,
      acceptance: terms.counterparts.includes("acceptance"),
      untallied: statement.held.flatMap((held) => (held.for === "tally" ? held.ranges : [])),
    });
  }

  get grant(): string {
    return this.#grant;
  }

  add(record: QuanjiRecord, leaf: Hash): void {
    this.#reckoner.add(record, leaf);
    if (this.#named.size === 0 || record.type !== "delivery") return;
    const place = placeName(record.face);
    const atMs = msOf(record.body.time);
    const isOwn =
      this.#named.has(place) &&
      splitVersion(record.body.grant).id === this.#grant &&
      atMs >= this.span.fromMs &&
      atMs < this.span.toMs;
    const item = isOwn ? metered(record, leaf, this.#tariff.unit) : undefined;
    if (item !== undefined) this.#named.set(place, { leaf: hashText(leaf), item });
  }

  /**
   * Errors: AMOUNT_DIFFERS, TIER_DIFFERS, QUANTITY_DIFFERS, DELIVERIES_DIFFER, each with the line; EVIDENCE_MISSING of the
   * reckoning where records stand out of order.
   */
  assertAgrees(): void {
    const { statement } = this.#facts;
    const { isFirst, indicator } = statement;
    const { lines, total, held } = this.#reckoner.close({
      isFirst,
      ...(indicator !== undefined && { indicator: { indicator: indicator.indicator, value: indicator.value } }),
    });
    assertSame("line", statement.lines, lines);
    if (statement.amount !== String(total)) {
      refuse("AMOUNT_DIFFERS", `the statement says ${statement.amount}, its records and tariff make ${total}`);
    }
    const waiting = statement.held.map(({ for: side, quantity, deliveries, root }) => ({
      for: side,
      quantity,
      deliveries,
      root,
    }));
    assertSame("held line", waiting, held as unknown as Json);
    this.#assertAdjustments();
  }

  #assertAdjustments(): void {
    const free = new Set(this.#tariff.freePurposes);
    for (const { id, deliveries = [], quantity, free: freeUnits, kind } of this.#facts.statement.adjustments) {
      let [charged, uncharged] = [0n, 0n];
      for (const place of deliveries) {
        const found = this.#named.get(placeName(place));
        if (found?.leaf !== place.leaf) {
          return refuse("DELIVERIES_DIFFER", `adjustment ${id} names a delivery that the trail does not have`);
        }
        if (free.has(found.item.purpose)) uncharged += found.item.quantity;
        else charged += found.item.quantity;
      }
      if (kind === "withdraw" && (String(charged) !== quantity || String(uncharged) !== freeUnits)) {
        refuse("QUANTITY_DIFFERS", `adjustment ${id} takes back other quantities than its deliveries have`);
      }
    }
  }
}

function assertSame(what: string, stated: Json, made: Json): void {
  const found = firstDifference(stated, made);
  if (found === undefined) return;
  const [at = "", member = ""] = found.path.split(".");
  refuse(
    LINE_DETAILS[member] ?? "AMOUNT_DIFFERS",
    `${what} ${Number(at) + 1} of the statement is not what the records make of it`,
  );
}
