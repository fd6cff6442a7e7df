/**
 * Highest allowed revenue 最高准许收入 of a government-guided price: what an operator earned above it in one period lowers the
 * next period's.
 * @see 发改价格〔2025〕65号
 */

/** A period's account. `revenue` is of all its statements and their adjustments. */
export interface AllowedPeriod {
  readonly allowed: bigint;
  readonly revenue: bigint;
}

/** 0 where less was earned than allowed: what was not earned is not carried. */
export const excessOf = ({ allowed, revenue }: AllowedPeriod): bigint => (revenue > allowed ? revenue - allowed : 0n);

/**
 * What the next period may earn: its tariff's allowance less the excess carried into it. Never below 0; what is then still over
 * goes on to the period after, as `carried`.
 */
export function nextAllowed(
  allowance: bigint,
  before: AllowedPeriod,
  carried = 0n,
): { allowed: bigint; carried: bigint } {
  const over = excessOf(before) + carried;
  return over <= allowance ? { allowed: allowance - over, carried: 0n } : { allowed: 0n, carried: over - allowance };
}
