/** Division of an amount so that every minor unit lands. */
import { QuanjiError } from "../errors.js";
import { sumOf } from "./amount.js";

/**
 * Largest remainder: each share gets the floor of its part, then the largest remainders one unit each, ties in listed order. The
 * shares of a negative total are the negated shares of its absolute value, so a reversal takes back exactly what was given. The
 * sum of the shares is the total.
 *
 * Errors: MALFORMED: a negative weight, or none above 0 (whoever has no weights keeps the amount in suspense).
 * @example apportion(6515n, [4n, 3n, 3n]) // [2606n, 1955n, 1954n]
 */
export function apportion(total: bigint, weights: readonly bigint[]): bigint[] {
  if (total < 0n) return apportion(-total, weights).map((share) => -share);
  const whole = sumOf(weights);
  if (whole <= 0n || weights.some((weight) => weight < 0n)) {
    throw new QuanjiError("MALFORMED", "weights are integers of 0 or more, one of them above 0", { field: "weights" });
  }
  const shares = weights.map((weight) => (total * weight) / whole);
  const left = Number(total - sumOf(shares)); // fewer than there are weights
  const byRemainder = weights
    .map((weight, at) => ({ at, remainder: (total * weight) % whole }))
    .sort((a, b) => (a.remainder === b.remainder ? a.at - b.at : a.remainder > b.remainder ? -1 : 1));
  for (const { at } of byRemainder.slice(0, left)) shares[at] = (shares[at] ?? 0n) + 1n;
  return shares;
}
