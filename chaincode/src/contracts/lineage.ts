/** What things rest on: grants on the grants above them, products on what they were made from. */
import { type Grant, msOf, QuanjiError, type Resource, splitVersion, type StopState } from "../domain/index.js";
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

/** Products of products: more than this many resources above one are refused, so that a transaction's reads are bounded. */
export const MAX_FAMILY = 256;

/**
 * The resource, and everything that it was made from by lineage, as each is registered now; the resource itself first.
 * Errors: STATE_CONFLICT beyond {@link MAX_FAMILY}.
 */
export async function familyOf(state: State, resource: Resource): Promise<readonly Resource[]> {
  const family = new Map<string, Resource>([[resource.id, resource]]);
  // A map's iterator also visits what is added on the way.
  for (const member of family.values()) {
    for (const parent of member.lineage ?? []) {
      const { id } = splitVersion(parent.resource);
      const known = family.has(id) ? undefined : await state.resource(id);
      if (known !== undefined) family.set(id, known);
      if (family.size > MAX_FAMILY) {
        throw new QuanjiError("STATE_CONFLICT", `the product rests on more than ${MAX_FAMILY} resources`, {
          detail: resource.id,
        });
      }
    }
  }
  return [...family.values()];
}
