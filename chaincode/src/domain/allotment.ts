/**
 * Allotment 配额: how a grant's quota and rate are shared among the logs in which it may be used. Logs know nothing of each
 * other, each counts for itself and stops at its share; so they can never overdraw together, however they run side by side.
 */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import type { Grant, Terms } from "./grant.js";
import { LogOrigin } from "./ids.js";

/** Shares by log. A log of the grant that is not named has none. */
export const Shares = z
  .array(z.strictObject({ log: LogOrigin, n: z.int().min(0) }))
  .min(1)
  .max(8);
export type Shares = z.infer<typeof Shares>;

type Shared = Pick<Grant, "logs" | "terms">;
type Quota = NonNullable<Terms["quota"]>;

/** Share of the quota that may be used in a log; without an allotment all of it lies in the grant's first log. */
export function quotaShare({ n, allotted }: Quota, logs: readonly string[], log: string): number {
  if (allotted === undefined) return log === logs[0] ? n : 0;
  return allotted.find((share) => share.log === log)?.n ?? 0;
}

/** Share of the rate: divided evenly, the first logs take what is left over. It is no stock, so it is never moved. */
export function rateShare(n: number, logs: readonly string[], log: string): number {
  const place = logs.indexOf(log);
  return place < 0 ? 0 : Math.floor(n / logs.length) + (place < n % logs.length ? 1 : 0);
}

/** Logs in which a grant can still be used at all: those with a share, if it has a quota. */
export const usableLogs = ({ logs, terms: { quota } }: Shared): readonly string[] =>
  quota === undefined ? logs : logs.filter((log) => quotaShare(quota, logs, log) > 0);

/** Errors: MALFORMED unless the shares name the grant's logs, once each, and sum to at most the quota. */
export function assertAllotted(quota: Quota | undefined, logs: readonly string[]): void {
  if (quota?.allotted === undefined) return;
  const named = quota.allotted.map((share) => share.log);
  const total = quota.allotted.reduce((sum, share) => sum + share.n, 0);
  if (total > quota.n || new Set(named).size !== named.length || named.some((log) => !logs.includes(log))) {
    throw new QuanjiError("MALFORMED", "allotted shares name the grant's logs once each and sum to at most n", {
      field: "terms.quota.allotted",
    });
  }
}

/**
 * A sub-grant's share in a log is at most its parent's there. Judged when shares are given out, not at each access: each use
 * below counts against the parent's own share, so a parent may take a share back without widening what stands below it.
 * Quotas of other units or periods are not comparable. Errors: EXCEEDS_PARENT.
 */
export function assertSharesWithin(parent: Shared, child: Shared): void {
  const [outer, inner] = [parent.terms.quota, child.terms.quota];
  if (outer === undefined || inner === undefined || inner.unit !== outer.unit || inner.per !== outer.per) return;
  const wider = child.logs.find((log) => quotaShare(inner, child.logs, log) > quotaShare(outer, parent.logs, log));
  if (wider === undefined) return;
  throw new QuanjiError("EXCEEDS_PARENT", `a sub-grant's share in ${wider} is larger than its parent's there`, {
    detail: "quota",
    field: "terms.quota.allotted",
  });
}
