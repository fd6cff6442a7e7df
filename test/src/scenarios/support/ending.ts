/** D4: how a story ended, in a form that does not depend on keys, transactions, blocks, salts or the day it is played. */
import { deepStrictEqual } from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { canonical, type Json, type JsonObject } from "@quanji/chaincode/log";
import { written } from "./calendar.js";
import type { Story } from "./story.js";

/** What is another in each run, or on each ledger, and says nothing of what the story did. */
const INCIDENTAL = new Set([
  "disputeUntil",
  "index",
  "leaf",
  "root",
  "at",
  "tx",
  "block",
  "txId",
  "request",
  "time",
  "keys",
  "responsibleHead",
  "registered",
  "code",
  "digest",
]);
/** A document's code is drawn, and so is its id. */
const isDocument = (value: JsonObject): boolean => "code" in value && "digest" in value;

/** Objects without what is incidental; dates as the text has them. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "string") return written(value);
  if (typeof value !== "object") return value;
  const drawn = isDocument(value as JsonObject);
  const entries = Object.entries(value as JsonObject).filter(
    ([name]) => !INCIDENTAL.has(name) && !(drawn && name === "id"),
  );
  return Object.fromEntries(entries.map(([name, item]) => [name, plain(item)]));
}

export interface Ending {
  readonly states: Json;
  readonly commands: Json;
  readonly uses: Json;
}

/** @param paths reads of the regulator, beside those that every story has */
export async function endingOf<N extends string>(
  story: Story<N>,
  regulator: N,
  paths: readonly string[] = [],
): Promise<Ending> {
  const client = await story.client(regulator);
  const states: Record<string, Json> = {};
  for (const kind of ["parties", "resources", "grants"] as const) {
    const all: Json[] = [];
    for await (const object of client[kind].all()) all.push(plain(object as unknown as Json));
    states[kind] = all.sort((a, b) => (canonical({ a }, LONG) < canonical({ a: b }, LONG) ? -1 : 1));
  }
  for (const at of paths) states[at] = plain(await client.read(at));
  return {
    states,
    commands: story.commands.map(({ by, verb, outcome, answer }) => {
      return [by, verb, outcome, plain((answer["result"] ?? {}) as Json)];
    }),
    // Of many at once the order is chance; how many ended how is not.
    uses: Object.entries(
      story.uses.reduce<Record<string, number>>((counts, { by, use, outcome }) => {
        const { resource, purpose, action = "query", grant = "" } = use;
        const what = `${by} ▸ ${resource}#${action}/${purpose} @${grant} → ${outcome}`;
        return { ...counts, [what]: (counts[what] ?? 0) + 1 };
      }, {}),
    ),
  };
}

const LONG = { maxBytes: 1 << 22, maxDepth: 32 };

/**
 * D4, where `npm run scenarios` has named a folder in which one ledger's ending waits for the other's: the first to end leaves it
 * there, the second is compared with it, member by member. One ledger alone has nothing to be compared with.
 */
export function endsAlike(work: (endings: string) => Promise<void>): void {
  const endings = process.env["QUANJI_ENDINGS"];
  if (endings !== undefined) it("D4: both ledgers end alike", () => work(endings));
}

export async function assertSameEnding<N extends string>(
  story: Story<N>,
  ending: Ending,
  endings: string,
): Promise<void> {
  const file = path.join(endings, `${story.name}.json`);
  const other = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as { readonly ledger: string; readonly ending: Ending },
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    },
  );
  if (other === undefined) {
    await mkdir(endings, { recursive: true });
    await writeFile(file, JSON.stringify({ ledger: story.ground.ledger, ending }));
    return;
  }
  deepStrictEqual(ending, other.ending, `D4: ${story.ground.ledger} ends as ${other.ledger} did`);
}
