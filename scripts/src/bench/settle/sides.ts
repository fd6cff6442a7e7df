/**
 * Both sides of a month's statements. The exchange reads its log once, in order, and keeps one fold a contract. The payer has one
 * contract before it, whose deliveries reached it in another order; it believes no record's form, and takes none from the exchange.
 */
import {
  decodeRecord,
  divide,
  type Metered,
  parseRecord,
  type Portion,
  type QuanjiRecord,
  reckon,
  type RecordBytes,
  recordLeaf,
  StatementFold,
  type StatementLine,
} from "@quanji/chaincode/domain";
import { below } from "./chance.js";
import type { BenchContract } from "./contracts.js";
import type { Month } from "./month.js";

/** A statement as one side has it. */
export interface Closed {
  readonly contract: number;
  readonly lines: readonly StatementLine[];
  readonly total: bigint;
  readonly portions: readonly Portion[];
  readonly suspense: bigint;
}

export interface Side {
  readonly statements: readonly Closed[];
  /** Seconds of work on statements, from texts to portions. */
  readonly seconds: number;
  /** Seconds in which the texts were made, which a gateway would have read. */
  readonly madeSeconds: number;
}

/** Which part of the contracts one thread has: every `of`-th, from `nth`. */
export interface Part {
  readonly nth: number;
  readonly of: number;
}

/** Texts made before they are worked on, so that the two can be timed apart. */
const BATCH = 1_024;
/** The payer sorts what is this small itself; of larger ones it keeps only places. */
const AT_HAND = 4_096;

/** Undefined for what costs nothing: it was no delivery, or nothing whole left. */
function meteredBy(record: QuanjiRecord, bytes: RecordBytes, { tariff }: BenchContract): Metered | undefined {
  if (record.type !== "delivery" || record.body.outcome !== "delivered") return undefined;
  const { face, body } = record;
  const quantity = BigInt(tariff.unit === "row" ? body.rows : tariff.unit === "byte" ? body.bytes : 0);
  return { log: face.log, index: face.index, leaf: recordLeaf(bytes), purpose: face.purpose, quantity };
}

/** Who bills: by the grant that each record names. */
export function exchangeSide(month: Month, part: Part): Side {
  const mine = month.contracts.filter(({ number }) => number % part.of === part.nth);
  const billed = new Map(
    mine.map((contract) => [contract.grant, { contract, fold: new StatementFold(contract.tariff) }]),
  );
  const watch = new Watch();
  for (const texts of batches(month, places(month, part))) {
    watch.made();
    for (const bytes of texts) {
      const record = decodeRecord(bytes);
      const grant = record.type === "delivery" ? record.body.grant.slice(0, record.body.grant.indexOf("@")) : "";
      const at = billed.get(grant);
      const delivery = at && meteredBy(record, bytes, at.contract);
      if (delivery) at.fold.add(delivery);
    }
    watch.worked();
  }
  const statements = [...billed.values()].map(({ contract, fold }) => closedBy(contract, fold.close(contract)));
  watch.worked();
  return { statements, ...watch.seconds };
}

/** Who pays: contract by contract, from what arrived. */
export function payerSide(month: Month, part: Part): Side {
  const watch = new Watch();
  const arrivals = arrivalsOf(month, part);
  watch.made();
  const statements: Closed[] = [];
  for (const [number, arrived] of arrivals) {
    const contract = month.contracts[number];
    if (contract === undefined) continue;
    const read = (bytes: RecordBytes): Metered | undefined => meteredBy(parseRecord(bytes), bytes, contract);
    if (arrived.length <= AT_HAND) {
      const deliveries: Metered[] = [];
      for (const texts of batches(month, arrived)) {
        watch.made();
        for (const bytes of texts) deliveries.push(...present(read(bytes)));
        watch.worked();
      }
      statements.push(closedBy(contract, reckon(contract.tariff, deliveries, contract)));
    } else {
      const fold = new StatementFold(contract.tariff);
      arrived.sort();
      for (const texts of batches(month, arrived)) {
        watch.made();
        for (const bytes of texts) for (const delivery of present(read(bytes))) fold.add(delivery);
        watch.worked();
      }
      statements.push(closedBy(contract, fold.close(contract)));
    }
    watch.worked();
  }
  return { statements, ...watch.seconds };
}

const closedBy = ({ number, split }: BenchContract, { lines, total }: ReturnType<StatementFold["close"]>): Closed => ({
  contract: number,
  lines,
  total,
  ...divide(total, split),
});

const present = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);

function* places(month: Month, { nth, of }: Part): Generator<number> {
  for (let index = 0; index < month.deliveries; index++) if (month.contractAt(index) % of === nth) yield index;
}

function* batches(month: Month, indexes: Iterable<number>): Generator<RecordBytes[]> {
  let texts: RecordBytes[] = [];
  for (const index of indexes) {
    texts.push(month.record(index));
    if (texts.length < BATCH) continue;
    yield texts;
    texts = [];
  }
  yield texts;
}

/** Places of each contract's deliveries, in an order that is not the log's. */
function arrivalsOf(month: Month, part: Part): Map<number, Uint32Array> {
  const counts = new Uint32Array(month.contracts.length);
  for (const index of places(month, part)) bump(counts, month.contractAt(index));
  const arrivals = new Map<number, Uint32Array>();
  for (const { number } of month.contracts) {
    if (number % part.of === part.nth) arrivals.set(number, new Uint32Array(counts[number] ?? 0));
  }
  counts.fill(0);
  for (const index of places(month, part)) {
    const number = month.contractAt(index);
    const at = bump(counts, number);
    const arrived = arrivals.get(number);
    if (arrived === undefined) continue;
    const from = below(at + 1, index, 20);
    arrived[at] = arrived[from] ?? index;
    arrived[from] = index;
  }
  return arrivals;
}

/** What it was before. */
function bump(counts: Uint32Array, at: number): number {
  const count = counts[at] ?? 0;
  counts[at] = count + 1;
  return count;
}

/** Time since the last call, put down to what was done in it. */
class Watch {
  #last = process.hrtime.bigint();
  #made = 0n;
  #worked = 0n;

  made(): void {
    this.#made += this.#since();
  }

  worked(): void {
    this.#worked += this.#since();
  }

  get seconds(): Pick<Side, "seconds" | "madeSeconds"> {
    return { seconds: Number(this.#worked) / 1e9, madeSeconds: Number(this.#made) / 1e9 };
  }

  #since(): bigint {
    const now = process.hrtime.bigint();
    const passed = now - this.#last;
    this.#last = now;
    return passed;
  }
}
