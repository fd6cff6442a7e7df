import { applyOrder, type OrderCommand, type Orders } from "../domain/index.js";
import { entryLeaf, extend, type VerifySignature } from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import { entryOf, type Received, receive, requireRole } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";

/**
 * The regulator's orders. A transaction writes the key `orders` and nothing else, so that the regulator's endorsement alone
 * is enough: no jti, no acts chain. An order's id and the command's iat prevent replay.
 */
export class OrderContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("orders", verify);
  }

  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "orders", argument)) as Received & OrderCommand;
      requireRole(command, "regulator");
      const before = await state.orders();
      const entry = entryOf(command);
      const after: Orders = {
        v: "quanji.orders.v1",
        ...extend(before, entryLeaf(entry)),
        entries: applyOrder(before.entries, command, command.facts),
        last: { entry, command: command.jws.jws },
      };
      await state.put(publicKeys.orders, after);
      return DONE;
    });
  }
}
