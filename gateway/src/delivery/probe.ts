/** A condition on a hidden value would tell it, one yes or no after the other. */
import { type Obligation, QuanjiError } from "@quanji/chaincode/domain";
import type { Condition } from "./query.js";

/**
 * On a masked field only `eq` and `in` are allowed: they look up what the requester knows already, and a guess costs a
 * recorded access. An order would find any value in a few dozen accesses; a dropped or rounded field takes no condition.
 * Errors: MALFORMED naming the condition.
 */
export function assertNoProbe(where: readonly Condition[], obligations: readonly Obligation[]): void {
  where.forEach(({ field, op }, i) => {
    const touching = obligations.filter((obligation) => obligation.field === field);
    const lookup = op === "eq" || op === "in";
    if (touching.every((obligation) => obligation.op === "mask" && lookup)) return;
    throw new QuanjiError("MALFORMED", `a condition may not ask for what the grant hides of ${field}`, {
      field: `query.where[${i}]`,
      detail: "HIDDEN_FIELD",
    });
  });
}
