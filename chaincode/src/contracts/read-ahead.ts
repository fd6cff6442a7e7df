/**
 * What a batch will read, asked for at once: a peer answers many keys in one message, and one key in one message too. Nothing is
 * decided here. Each value is kept by {@link State}, so the code that decides reads as if nobody had been there before it.
 */
import { decodeRecord, type LogState, type QuanjiRecord, splitOrigin, splitVersion } from "../domain/index.js";
import type { State } from "../world/state.js";
import type { BatchInput } from "../world/stored.js";
import type { BatchOverlay } from "./batch-overlay.js";
import type { CheckedRequest } from "./requests.js";

/** What every batch reads. */
export async function readBasics(state: State, log: string): Promise<void> {
  await Promise.all([
    state.log(log),
    state.findNetwork(),
    state.gateway(splitOrigin(log).gateway),
    state.clockOffsetMs(),
    state.findOrders(),
    state.boundaries(),
  ]);
}

/**
 * The records that others rest on, by the place in the batch of what names them: the access of a delivery, the delivery of an
 * acceptance. A batch that is named is read once.
 */
export async function namedBy(
  state: State,
  log: LogState,
  { records }: BatchInput,
): Promise<ReadonlyMap<number, QuanjiRecord>> {
  const named = new Map<number, QuanjiRecord>();
  await Promise.all(
    records.map(async (item, place) => {
      if (item.type !== "delivery" && item.type !== "acceptance") return;
      const index = item.type === "delivery" ? item.access : item.delivery;
      const stored = await state.stored(log.msp, log.origin, item.first, index);
      // An index is neither, and has none of a record's objects.
      if (stored !== undefined && stored.seed === undefined) named.set(place, decodeRecord(stored));
    }),
  );
  return named;
}

/** Times of the last records of indexes, by the place in the batch of the index. */
export async function lastsOf(
  state: State,
  log: LogState,
  { records }: BatchInput,
): Promise<ReadonlyMap<number, string>> {
  const lasts = new Map<number, string>();
  for (const [place, item] of records.entries()) {
    if (item.type !== "index") continue;
    await state.indexed(log.msp, log.origin);
    const stored = await state.stored(log.msp, log.origin, item.first, item.before - 1);
    if (stored !== undefined) lasts.set(place, (JSON.parse(stored.body) as { readonly time: string }).time);
  }
  return lasts;
}

/** Objects by which requests are decided; then what depends on them: counters, positions, sequence windows. */
export async function readAhead(
  state: State,
  overlay: BatchOverlay,
  requests: readonly (CheckedRequest | undefined)[],
  named: ReadonlyMap<number, QuanjiRecord>,
): Promise<void> {
  const grants = new Set<string>();
  const resources = new Set<string>();
  const parties = new Set<string>();
  const keys = new Set<string>();
  const tallies = new Set<string>();
  for (const request of requests) {
    if (request === undefined) continue;
    if (request.type === "tally") {
      tallies.add(request.payload.resource);
      continue;
    }
    parties.add(request.party.id);
    if (request.type === "acceptance") continue;
    keys.add(request.jws.header.kid);
    if (request.type === "void") continue;
    resources.add(request.payload.resource);
    if (request.payload.grant !== undefined) grants.add(request.payload.grant);
  }
  const { msp, origin } = overlay.log;
  const [found] = await Promise.all([
    Promise.all([...grants].map((id) => state.grant(msp, id))),
    Promise.all([...grants].map((id) => state.stop(id))),
    Promise.all([...resources, ...tallies].map((id) => state.resource(id))),
  ]);
  const counted = new Set(found.flatMap((grant) => (grant === undefined ? [] : [grant.id, ...grant.ancestors])));
  const linked = new Set(found.flatMap((grant) => (grant === undefined ? [] : [grant.id])));
  const accepted = new Set<string>();
  for (const { type, face, body } of named.values()) {
    if (type === "void" || type === "tally") continue;
    if (type === "delivery") accepted.add(body.id);
    if (body.grant !== undefined) linked.add(splitVersion(body.grant).id);
    resources.add(splitVersion(body.resource).id);
    parties.add(face.unit);
  }
  const ancestors = [...counted].filter((id) => !grants.has(id));
  await Promise.all([
    ...ancestors.flatMap((id) => [state.grant(msp, id), state.stop(id)]),
    ...[...counted].map((id) => state.counter(msp, origin, id)),
    ...[...keys].map((kid) => overlay.window(kid)),
    ...[...accepted].map((id) => state.accepted(msp, id)),
    ...[...tallies].map((id) => overlay.tallied(id)),
    ...[...linked].map((id) => overlay.head(overlay.chainKey("grant", id))),
    ...[...resources, ...tallies].map((id) => overlay.head(overlay.chainKey("resource", id))),
    ...[...parties].map((id) => overlay.head(overlay.chainKey("party", id))),
  ]);
}
