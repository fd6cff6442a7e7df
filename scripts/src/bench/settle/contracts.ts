/**
 * Contracts of a month: of different sizes (few are large, many small), units, tiers, free purposes, discounts, minima and
 * splits. All of it follows from a contract's number.
 */
import { type Split, Tariff, type TariffUnit } from "@quanji/chaincode/domain";
import { below } from "./chance.js";

export const MONTH = "2026-03";
export const CURRENCY = "CNY";
/** 2026-03-01 00:00 +08:00, and how long the month is. */
export const FROM_MS = Date.parse("2026-02-28T16:00:00.000Z");
export const MONTH_MS = 31 * 86_400_000;

export const PURPOSES = ["navigation", "credit.review", "city.operation"] as const;
export const FREE = "disaster.warning";
const UNITS: readonly TariffUnit[] = ["call", "row", "byte"];
/** What a typical contract uses in the month decides where its tiers end, so that most are crossed. */
const ENDS: Readonly<Record<string, readonly number[]>> = {
  call: [50, 500, 5_000],
  row: [1_000, 20_000, 400_000],
  byte: [100_000, 2_000_000, 40_000_000],
};

export interface BenchContract {
  readonly number: number;
  readonly grant: string;
  readonly buyer: string;
  readonly resource: string;
  readonly tariff: Tariff;
  readonly split: Split;
  readonly isFirst: boolean;
}

const party = (name: string, number: number): string => `urn:quanji:org:CN:${name}${String(number).padStart(4, "0")}`;

export function contractOf(number: number): BenchContract {
  const unit = UNITS[number % UNITS.length] ?? "call";
  const tiers = (ENDS[unit] ?? []).slice(0, below(4, number, 101));
  return {
    number,
    grant: `00000000-0000-7000-8000-${String(number).padStart(12, "0")}`,
    buyer: party("BUY", number),
    resource: `prd/bench.${String(number % 97)}@1`,
    tariff: Tariff.parse({
      unit,
      currency: CURRENCY,
      tiers: [
        ...tiers.map((upTo, at) => ({ upTo, amount: String(900 - 200 * at + below(99, number, 102)), per: per(unit) })),
        { amount: String(1 + below(300, number, 103)), per: per(unit) },
      ],
      from: new Date(FROM_MS).toISOString(),
      ...(number % 4 === 0 && { freePurposes: [FREE] }),
      ...(number % 5 === 0 && { discountBps: 1 + below(3_000, number, 104) }),
      ...(number % 7 === 0 && { minimum: String(below(5_000_000, number, 105)) }),
    }),
    split: splitOf(number),
    isFirst: number % 2 === 0,
  };
}

/** A price for so many units at once: remainders to round. */
const per = (unit: TariffUnit): number => (unit === "byte" ? 1_024 : unit === "row" ? 7 : 1);

/** 4 : 3 : 3, some of it behind a carve-out, some divided further, one in fifty without anybody's weight. */
function splitOf(number: number): Split {
  const shares = [
    { weight: 4n, to: party("STW", number % 31) },
    { weight: 3n, to: party("OPR", number % 53) },
    { weight: 3n, to: party("XCH", 0) },
  ];
  if (number % 50 === 49) return { shares: [{ weight: 0n, to: party("STW", number % 31) }] };
  const parents = {
    shares: [
      { weight: 2n, to: party("STW", number % 17) },
      { weight: 1n, to: party("STW", 30) },
    ],
  };
  return {
    ...(number % 3 === 0 && { carveOuts: [{ party: party("FND", 0), bps: 500 }] }),
    shares: number % 6 === 1 ? [{ weight: 4n, to: parents }, ...shares.slice(1)] : shares,
  };
}

const SLOTS = 1 << 16;

/** Which contract each delivery is under: sizes fall as 1 / number^0.8, interleaved as callers come. */
export function drawFrom(contracts: number): (index: number) => number {
  const weights = Array.from({ length: contracts }, (_, number) => (number + 1) ** -0.8);
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const slots = new Uint16Array(SLOTS);
  let [slot, reached] = [0, 0];
  for (const [number, weight] of weights.entries()) {
    reached += weight;
    const end = Math.min(SLOTS - (contracts - 1 - number), Math.max(slot + 1, Math.round((reached / whole) * SLOTS)));
    slots.fill(number, slot, end);
    slot = end;
  }
  return (index) => slots[below(SLOTS, index, 0)] ?? 0;
}
