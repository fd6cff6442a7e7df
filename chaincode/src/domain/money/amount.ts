/**
 * Amounts of money: integers in the minor unit of a currency (fen, cent), never floats. On the wire a decimal string, since sums
 * pass 2^53 and JSON numbers then lie; inside a bigint.
 */
import { z } from "zod";

const DIGITS = 30;

/** Any amount: `0`, `-95001`, `6393847`. One spelling each, so equal amounts are equal bytes. */
export const Amount = z
  .string()
  .regex(new RegExp(`^(?:0|-?[1-9][0-9]{0,${DIGITS - 1}})$`), "an amount in minor units, such as 6515 or -95001");
/** An amount that is no debt. */
export const Price = z
  .string()
  .regex(new RegExp(`^(?:0|[1-9][0-9]{0,${DIGITS - 1}})$`), "a price in minor units, such as 128888");
/** ISO 4217. */
export const Currency = z.string().regex(/^[A-Z]{3}$/, "a currency of ISO 4217, such as CNY");
/** Ten-thousandths. */
export const Bps = z.int().min(0).max(10_000);

export const WHOLE_BPS = 10_000n;

export const sumOf = (amounts: Iterable<bigint>): bigint => {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
};

/** `numerator / denominator`, halves away from zero: what a bill rounds to. `denominator` > 0. */
export function rounded(numerator: bigint, denominator: bigint): bigint {
  if (numerator < 0n) return -rounded(-numerator, denominator);
  return (2n * numerator + denominator) / (2n * denominator);
}
