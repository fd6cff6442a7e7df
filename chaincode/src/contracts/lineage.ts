/** Whether a grant and all above it are in force at a time: for deriving, and for lineage. */
import { type Grant, msOf, QuanjiError, type StopState } from "../domain/index.js";
import type { State } from "../world/state.js";

/** Nearest first. Errors: ANCESTOR_NOT_IN_FORCE if one is not in the collection. */
export async function ancestorsOf(state: State, msp: string, grant: Grant): Promise<readonly Grant[]> {
  const found: Grant[] = [];
  for (const id of grant.ancestors) {
    const ancestor = await state.grant(msp, id);
    if (ancestor === undefined)
      throw new QuanjiError("ANCESTOR_NOT_IN_FORCE", "an ancestor is not here", { detail: id });
    found.push(ancestor);
  }
  return found;
}

/** Errors: ANCESTOR_NOT_IN_FORCE naming the first grant that is not active, stopped, or outside its window. */
export async function assertLive(state: State, msp: string, grant: Grant, timeMs: number): Promise<void> {
  for (const each of [grant, ...(await ancestorsOf(state, msp, grant))]) {
    const stop: StopState | undefined = await state.stop(each.id);
    const { from, until } = each.terms.window;
    const live =
      each.state === "active" &&
      stop?.epoch === each.epoch &&
      stop.stop === undefined &&
      msOf(from) <= timeMs &&
      timeMs < msOf(until);
    if (!live) {
      throw new QuanjiError("ANCESTOR_NOT_IN_FORCE", "a grant that this rests on is not in force", { detail: each.id });
    }
  }
}
