/** D5: no personal or confidential value of a story stands in blocks, public state or events. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { eventsOf, needlesOf, spreadOnDisk } from "../../support/scan.js";
import { OPERATOR, type Story } from "./story.js";

/** What every registration tells in confidence: who is responsible at each party. */
export const headsOf = (
  actors: Readonly<Record<string, { readonly head: string }>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(actors).map(([name, { head }]) => [`head of ${name}`, head]));

/** @param secrets by name: texts that stand nowhere else. Ends the story's gateway: nothing can follow. */
export async function assertNothingTold<N extends string>(
  story: Story<N>,
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  const events = await eventsOf(story.host.ledger);
  await story.host.close();
  const { spread = () => spreadOnDisk(story.host.data) } = story.base;
  const found = await spread();
  const all: Readonly<Record<string, string>> = { ...secrets, operator: OPERATOR };
  const named = (haystack: Buffer): string[] =>
    Object.entries(all)
      .filter(([, secret]) => needlesOf(secret).some((needle) => haystack.includes(needle)))
      .map(([name]) => name);
  ok(events.length > 0 && found.public.length > 0);
  deepStrictEqual(named(Buffer.concat(found.public)), [], "D5: blocks and public state");
  deepStrictEqual(named(Buffer.from(events.join("\n"))), [], "D5: events");
  // The search finds what is there.
  ok(
    named(Buffer.concat(found.confidential)).includes("operator"),
    "D5: what was told in confidence is kept in confidence",
  );
}
