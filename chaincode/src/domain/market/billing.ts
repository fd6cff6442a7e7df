/** What of a contract and its offer applies to a month: what statements are made by. */
import { existing } from "../shared.js";
import { msOf } from "../time.js";
import { activation, type Contract, type ContractVersion, endOf, versionAt } from "./contract.js";
import { type Offer, tariffAt, type TariffVersion } from "./offer.js";
import { monthBounds, monthOf } from "./period.js";

export interface Billed {
  /** Deliveries whose record time lies in [fromMs, untilMs): the month, cut by the contract's beginning and end. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly terms: ContractVersion;
  readonly tariff: TariffVersion;
  /** Whether it is the contract's first month. */
  readonly isFirst: boolean;
}

/**
 * Undefined if the contract was not in force in that month, or is a draft.
 * Errors: STATE_CONFLICT if the offer had no tariff then, which {@link assertPriced} excludes.
 */
export function billedIn(contract: Contract, offer: Offer, month: string, timeZone: string): Billed | undefined {
  const begun = activation(contract);
  const end = endOf(contract);
  if (begun === undefined || end === undefined) return undefined;
  const bounds = monthBounds(month, timeZone);
  const fromMs = Math.max(bounds.fromMs, msOf(begun));
  const untilMs = Math.min(bounds.untilMs, end);
  if (fromMs >= untilMs) return undefined;
  return {
    fromMs,
    untilMs,
    terms: existing(versionAt(contract, fromMs), "statement.close"),
    tariff: existing(tariffAt(offer, fromMs), "statement.close"),
    isFirst: monthOf(msOf(begun), timeZone) === month,
  };
}
