/** What giving out shares of a quota must satisfy against other objects. A grant's own rules are in domain/allotment.ts. */
import {
  assertSharesWithin,
  type CommandFacts,
  type Grant,
  msOf,
  type Payload,
  QuanjiError,
  quotaShare,
  windowNumber,
} from "../domain/index.js";
import type { State } from "../world/state.js";

/**
 * How far a record that commits near this command may lie from the command's time: both transactions' times are within 30 s
 * of a clock, and a record's up to 30 s before its transaction's. Within it, it must be certain in which window they fall.
 */
const NEAR_MS = 120_000;

/**
 * No log gets less than it has used in the quota's present window, so what all of them may still use is at most what is left.
 * The counter of a log that loses some is read here, so a batch that uses the quota there meanwhile conflicts with this
 * command, or this command with that batch. Other logs' counters are left alone: nothing of theirs can be overdrawn.
 * Errors: STATE_CONFLICT (a log has used more; the window turns just now), EXCEEDS_PARENT, ANCESTOR_NOT_IN_FORCE.
 */
export async function assertAllottable(
  state: State,
  msp: string,
  grant: Grant,
  { allotted }: Payload<"grant.allot">,
  facts: CommandFacts,
): Promise<void> {
  const { quota, window } = grant.terms;
  if (quota === undefined) return; // the grant itself refuses
  const { timeZone } = await state.network();
  const from = msOf(window.from);
  const windowAt = (ms: number): number => windowNumber(from, Math.max(from, ms), quota.per, timeZone);
  const present = windowAt(facts.timeMs);
  if (windowAt(facts.timeMs - NEAR_MS) !== present || windowAt(facts.timeMs + NEAR_MS) !== present) {
    throw new QuanjiError("STATE_CONFLICT", "the quota's period turns just now: send this again in some minutes", {
      detail: "turn",
    });
  }
  const after: Grant = { ...grant, terms: { ...grant.terms, quota: { ...quota, allotted } } };
  for (const log of grant.logs) {
    const share = quotaShare({ ...quota, allotted }, grant.logs, log);
    if (share >= quotaShare(quota, grant.logs, log)) continue; // what was used fitted into less
    const counter = await state.counter(msp, log, grant.id);
    const used = counter?.quota.window === present ? counter.quota.used : 0;
    if (share >= used) continue;
    throw new QuanjiError("STATE_CONFLICT", `${used} have been used in ${log} already`, {
      field: "allotted",
      detail: log,
    });
  }
  const [nearest] = grant.ancestors;
  if (nearest === undefined) return;
  const parent = await state.grant(msp, nearest);
  if (parent === undefined) throw new QuanjiError("ANCESTOR_NOT_IN_FORCE", "an ancestor is not here");
  assertSharesWithin(parent, after);
}
