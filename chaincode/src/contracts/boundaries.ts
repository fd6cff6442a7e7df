import { applyBoundary, bucketsFor, bucketsOf, type Cell, listsInForce, QuanjiError } from "../domain/index.js";
import type { VerifySignature } from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import { filePublic, receive, requireRole } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

/** Boundary lists: published whole, never edited. */
export class BoundaryContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("boundaries", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const received = await receive(state, this.verify, "boundaries", argument);
      if (received.verb !== "boundary.publish") throw new QuanjiError("MALFORMED", "not a boundary command");
      requireRole(received, "listOwner", "regulator");
      const { net } = await state.network();
      const { payload } = received;
      await state.put(publicKeys.boundaries, applyBoundary(await state.boundaries(), payload, received.facts));
      for (const [bucket, cells] of bucketsFor(payload.cells)) {
        await state.put(publicKeys.cells(payload.list, payload.version, bucket), cells);
      }
      await filePublic(state, received, net, [{ scope: net, kind: "boundary", id: net }]);
      return DONE;
    });
  }
}

/** Cells of all lists in force that can concern a class: two keys a list. */
export async function cellsFor(state: State, resourceClass: string, timeMs: number): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  for (const list of listsInForce(await state.boundaries(), timeMs)) {
    for (const bucket of bucketsOf(resourceClass)) cells.push(...(await state.cells(list.id, list.version, bucket)));
  }
  return cells;
}
