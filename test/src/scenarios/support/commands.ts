/** Commands of a story with what holds for each: D6, nobody without the role gets it done; D7, the same bytes have one effect. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Verb } from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import type { Values } from "@quanji/client";
import type { Commanded, Extra, Story } from "./story.js";

/**
 * Who tries each command first, and what it hears. OUTS is an active party that the object is no business of; PEND was never
 * admitted: it tries what any active party may do in its own name. Codes other than ROLE_REQUIRED are the design's:
 * NOT_FOUND, where a stranger must not learn whether the object exists; RIGHT_MISSING, where what is missing is a right and no
 * role; PARTY_INACTIVE, where no role is needed but admission.
 */
const OUTSIDERS: Readonly<Partial<Record<Verb, readonly [who: Extra, ...codes: string[]]>>> = {
  attest: ["OUTS", "ROLE_REQUIRED"],
  "boundary.publish": ["OUTS", "ROLE_REQUIRED"],
  "books.close": ["OUTS", "ROLE_REQUIRED"],
  "certificate.issue": ["OUTS", "ROLE_REQUIRED"],
  "certificate.revoke": ["OUTS", "ROLE_REQUIRED"],
  "grant.accept": ["OUTS", "ROLE_REQUIRED"],
  "grant.approve": ["OUTS", "ROLE_REQUIRED"],
  "grant.derive": ["OUTS", "NOT_FOUND"],
  "grant.offer": ["OUTS", "RIGHT_MISSING"],
  "grant.request": ["PEND", "PARTY_INACTIVE"],
  "grant.revoke": ["OUTS", "NOT_FOUND"],
  "invoice.issue": ["OUTS", "ROLE_REQUIRED"],
  "offer.list": ["OUTS", "RIGHT_MISSING"],
  "contract.sign": ["OUTS", "ROLE_REQUIRED", "NOT_FOUND"],
  "price.cap": ["OUTS", "ROLE_REQUIRED"],
  "resource.register": ["OUTS", "ROLE_REQUIRED"],
  "statement.adjust": ["OUTS", "ROLE_REQUIRED"],
  "statement.close": ["OUTS", "ROLE_REQUIRED"],
  "statement.dispute": ["OUTS", "ROLE_REQUIRED"],
  "tariff.publish": ["OUTS", "ROLE_REQUIRED"],
};

/** Does it, having asserted D6 before and D7 after it. */
export async function done<N extends string>(
  story: Story<N>,
  by: N,
  verb: Verb,
  payload: JsonObject,
  values: Values = {},
): Promise<Commanded> {
  const outsider = OUTSIDERS[verb];
  if (outsider === undefined) throw new Error(`who has no business with ${verb}?`);
  const [who, ...codes] = outsider;
  await refused(story, who, verb, payload, codes, values);
  const first = await story.send(by, verb, payload, values);
  strictEqual(first.outcome, "ok", `${by}: ${verb}: ${JSON.stringify(first.answer)}`);
  story.commands.push(first);
  const height = await story.block();
  const again = await story.post(`/v1/commands/${verb}`, first.signed);
  deepStrictEqual([again.status, again.payload()?.body], [200, first.answer], `D7 ${verb}`);
  strictEqual(await story.block(), height, `D7 ${verb}: nothing is written twice`);
  return first;
}

/** It is refused with that code, or one of them, and nothing changes. */
export async function refused<N extends string>(
  story: Story<N>,
  by: N | Extra,
  verb: Verb,
  payload: JsonObject,
  code: string | readonly string[],
  values: Values = {},
): Promise<Commanded> {
  const height = await story.block();
  const commanded = await story.send(by, verb, payload, values);
  ok(
    [code].flat().includes(commanded.outcome),
    `${by}: ${verb}: not ${[code].flat().join(" or ")} but ${JSON.stringify(commanded.answer)}`,
  );
  strictEqual(await story.block(), height, `${by}: ${verb}: nothing changes`);
  if (by !== "OUTS" && by !== "PEND") story.commands.push(commanded);
  return commanded;
}
