/** Whom an order hides a record from: everybody but the regulator and the party whose request it was. */
import type { Face } from "@quanji/chaincode/domain";
import { msOf } from "@quanji/chaincode/domain";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { SealOrder } from "../readmodel/sealed.js";
import type { Sighting } from "../witness/sighting.js";
import type { Audience } from "./context.js";

const concerns = ({ stored }: KnownRecord, { party, regulator }: Audience): boolean =>
  regulator || (JSON.parse(stored.face) as Face).unit === party;

/** The order that hides a record longest. */
export const inForce = (orders: readonly SealOrder[], nowMs: number): SealOrder | undefined =>
  orders.filter(({ until }) => msOf(until) > nowMs).sort((a, b) => (a.until < b.until ? 1 : -1))[0];

/** The order that hides the record from that audience now, if any. */
export async function hiddenBy(
  index: Pick<LedgerIndex, "sealed">,
  record: KnownRecord,
  audience: Audience,
  nowMs: number,
): Promise<SealOrder | undefined> {
  if (concerns(record, audience)) return undefined;
  return inForce(await index.sealed(record.log, record.record), nowMs);
}

/**
 * Records of a log that are hidden from that audience, by index, under commands that `isShown` accepts: what came after the look at
 * the ledger is not in the trail, so it hides nothing there.
 */
export async function hiddenIn(
  index: Pick<LedgerIndex, "sealedIn" | "record">,
  log: string,
  audience: Audience,
  nowMs: number,
  isShown: (request: string) => Promise<boolean>,
): Promise<ReadonlySet<number>> {
  const hidden = new Set<number>();
  if (audience.regulator) return hidden;
  for await (const [at, orders] of index.sealedIn(log)) {
    const known = await index.record(log, at);
    if (known === undefined || concerns(known, audience)) continue;
    for (const order of orders) {
      if (inForce([order], nowMs) !== undefined && (await isShown(order.request))) hidden.add(at);
    }
  }
  return hidden;
}

/** The same, for whoever sees the ledger as that look showed it. */
export const hiddenSeen = (
  index: Pick<LedgerIndex, "sealedIn" | "record" | "command">,
  log: string,
  audience: Audience,
  { view, timeMs }: Sighting,
): Promise<ReadonlySet<number>> =>
  hiddenIn(index, log, audience, timeMs, async (request) => {
    const known = await index.command(request);
    return known !== undefined && known.block <= view.block;
  });
