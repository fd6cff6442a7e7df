/**
 * What a contract's month comes to, counted from what was used and not from records, by arithmetic of its own: if both sides share
 * a mistake of the fold, this does not.
 */
import type { Tariff } from "@quanji/chaincode/domain";
import { FREE } from "./contracts.js";
import type { Month } from "./month.js";

/** Units that cost something, by contract. */
function unitsOf(month: Month): bigint[] {
  const units = month.contracts.map(() => 0n);
  for (let index = 0; index < month.deliveries; index++) {
    const { contract, purpose, rows, bytes, outcome } = month.use(index);
    const tariff = month.contracts[contract]?.tariff;
    if (tariff === undefined || outcome !== "delivered") continue;
    if (purpose === FREE && tariff.freePurposes !== undefined) continue;
    const brought = { call: 1, row: rows, byte: bytes, period: 0, product: 0 }[tariff.unit];
    units[contract] = (units[contract] ?? 0n) + BigInt(brought);
  }
  return units;
}

function totalOf({ tiers, discountBps = 0, minimum = "0" }: Tariff, units: bigint): bigint {
  let [total, start] = [0n, 0n];
  for (const { upTo, amount, per } of tiers) {
    const end = upTo === undefined || units < BigInt(upTo) ? units : BigInt(upTo);
    if (end > start) total += (2n * (end - start) * BigInt(amount) + BigInt(per)) / (2n * BigInt(per));
    start = end;
  }
  total -= (2n * total * BigInt(discountBps) + 10_000n) / 20_000n;
  return total < BigInt(minimum) ? BigInt(minimum) : total;
}

/** Totals by contract. */
export function plainTotals(month: Month): bigint[] {
  const units = unitsOf(month);
  return month.contracts.map(({ tariff }, number) => totalOf(tariff, units[number] ?? 0n));
}
