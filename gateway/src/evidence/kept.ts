/** Of which records something is kept that can be erased: what a retention period is applied to. Paths, never values. */
import { type AccessBody, msOf, QuanjiError, type Resource, splitVersion } from "@quanji/chaincode/domain";
import { bodyOf } from "../readmodel/body.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { KnownRecord, Page } from "../readmodel/readmodel.js";

export interface KeptRecord {
  readonly log: string;
  readonly index: number;
  readonly id: string;
  readonly time: string;
  readonly fields: readonly string[];
}

export interface KeptQuery {
  /** Instant: records before it. */
  readonly before?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** Rows looked at for one page: a log may be full of other resources' records. A page with fewer items than asked has a `next` then. */
const MAX_LOOKS = 2_000;

/** Oldest first, log by log. Errors: MALFORMED (cursor). */
export async function keptOf(
  index: LedgerIndex,
  resource: Resource,
  { before, cursor, limit }: KeptQuery,
  isHidden: (record: KnownRecord) => Promise<boolean>,
): Promise<Page<KeptRecord>> {
  const beforeMs = before === undefined ? Infinity : msOf(before);
  const start = cursor === undefined ? { place: 0, from: 0 } : placeOf(cursor);
  const items: KeptRecord[] = [];
  let looks = 0;
  for (let place = start.place; place < resource.logs.length; place++) {
    const log = resource.logs[place] ?? "";
    for await (const at of index.saidIn(log, place === start.place ? start.from : 0)) {
      if (items.length >= limit || looks++ >= MAX_LOOKS) return { items, next: `${place}-${at}` };
      const known = await index.record(log, at);
      if (known === undefined) continue;
      const { id, time, resource: of } = bodyOf(known) as AccessBody;
      if (msOf(time) >= beforeMs) break; // times never decrease within a log
      if (splitVersion(of).id !== resource.id || (await isHidden(known))) continue;
      items.push({ log, index: at, id, time, fields: Object.keys(await index.said(log, at)).sort() });
    }
  }
  return { items };
}

/** `<place of the log>-<index>` */
function placeOf(cursor: string): { readonly place: number; readonly from: number } {
  const [place, from] = /^(\d{1,2})-(\d{1,15})$/.exec(cursor)?.slice(1).map(Number) ?? [];
  if (place === undefined || from === undefined) {
    throw new QuanjiError("MALFORMED", "the cursor is not one of this list", { field: "cursor" });
  }
  return { place, from };
}
