/** Months of a contract: which versions of contract and tariff are of one, and which part of it the contract covers. */
import { QuanjiError } from "../errors.js";
import { addMonths, instant, msOf } from "../time.js";
import { activation, type Contract, type ContractVersion, endOf, versionAt } from "./contract.js";
import { type Offer, tariffAt, type TariffVersion } from "./offer.js";
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
  const [begun, end] = [activation(contract), endOf(contract)];
  if (begun === undefined || end === undefined) throw conflict("the contract is not active: not all have signed");
  const bounds = monthBounds(month, timeZone);
  const fromMs = Math.max(bounds.fromMs, msOf(begun));
  const toMs = Math.min(bounds.untilMs, end);
  const version = versionAt(contract, fromMs);
  if (fromMs >= toMs || version === undefined) throw conflict("the contract covers nothing of that month");
  return { fromMs, toMs, version, isFirst: month === monthOf(msOf(begun), timeZone) };
}

/** The tariff version in force at the beginning of what a contract covers of a month. Errors: STATE_CONFLICT: none is. */
export function tariffOf(offer: Offer, { fromMs }: Pick<ContractMonth, "fromMs">): TariffVersion {
  const found = tariffAt(offer, fromMs);
  if (found === undefined) throw conflict("no tariff of the offer was in force in that month");
  return found;
}
