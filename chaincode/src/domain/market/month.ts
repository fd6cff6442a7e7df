/** Months of a contract: which versions of contract and tariff are of one, and which part of it the contract covers. */
import { QuanjiError } from "../errors.js";
import type { Tariff } from "../money/tariff.js";
import { addMonths, instant, msOf } from "../time.js";
import type { Contract, ContractVersion } from "./contract.js";
import type { Offer } from "./offer.js";
import { monthBounds, monthOf } from "./period.js";

export const monthAfter = (month: string, months = 1): string =>
  instant(addMonths(msOf(`${month}-01T00:00:00.000Z`), months)).slice(0, 7);

/** Whether the month is over at a time. */
export const isOver = (month: string, timeZone: string, timeMs: number): boolean =>
  monthBounds(month, timeZone).untilMs <= timeMs;

/** Record times of a contract's month: `fromMs` ≤ t < `toMs`. */
export interface ContractMonth {
  readonly fromMs: number;
  readonly toMs: number;
  readonly version: ContractVersion;
  /** The contract's first month: whoever pays once pays in it. */
  readonly isFirst: boolean;
}

const conflict = (message: string): QuanjiError => new QuanjiError("STATE_CONFLICT", message, { field: "period" });

/**
 * Which part of a month a contract covers, and by which of its versions: from the moment all had signed until it was ended or ran
 * out. Errors: STATE_CONFLICT: it covers nothing of that month.
 */
export function contractMonth(contract: Contract, month: string, timeZone: string): ContractMonth {
  const [first] = contract.versions;
  if (first?.from === undefined) throw conflict("the contract is not active: not all have signed");
  const { fromMs: startMs, untilMs: endMs } = monthBounds(month, timeZone);
  const activeMs = msOf(first.from);
  // A later version begins with a month, so that each month has one.
  const version = contract.versions.filter(({ from }) => from !== undefined && msOf(from) < endMs).at(-1) ?? first;
  const fromMs = Math.max(startMs, activeMs);
  const ended = contract.ended === undefined ? Infinity : msOf(contract.ended.time);
  const toMs = Math.min(endMs, ended, msOf(version.terms.until));
  if (fromMs >= toMs) throw conflict("the contract covers nothing of that month");
  return { fromMs, toMs, version, isFirst: month === monthOf(activeMs, timeZone) };
}

export interface MonthTariff {
  readonly version: number;
  readonly tariff: Tariff;
}

/** The tariff version in force at the beginning of what a contract covers of a month. Errors: STATE_CONFLICT: none is. */
export function tariffOf(offer: Offer, { fromMs }: Pick<ContractMonth, "fromMs">): MonthTariff {
  const found = offer.tariffs.filter(({ tariff }) => msOf(tariff.from) <= fromMs).at(-1);
  if (found === undefined) throw conflict("no tariff of the offer was in force in that month");
  return found;
}
