/** Records by place in their log and by request; the newest stay in memory, for it is they that are answered with. */
import type { AccessBody, DeliveryBody, Face } from "@quanji/chaincode/domain";
import { bulkTag, type ChainKey } from "@quanji/chaincode/log";
import { recordOf, type StoredRecord } from "@quanji/chaincode/world";
import { bodyOf } from "./body.js";
import type { Chains } from "./chains.js";
import { KEYS, range, under } from "./layout.js";
import type { TaggedRecord } from "./ledger-index.js";
import { Lru } from "./lru.js";
import type { KnownRecord } from "./readmodel.js";
import type { Changes, Store } from "./store.js";

/** Some 4 KB each. What was recorded a moment ago is asked for by recorder, receipts and deliveries. */
const MAX_RECENT = 4096;

/** What the index needs to know of a record; its bytes come from the chaincode and were hashed, so they are trusted. */
export interface Facts {
  readonly type: KnownRecord["type"];
  readonly permit: boolean;
  readonly request: string;
  readonly requester: string;
  readonly timeMs: number;
  /** `<id>@<version>` */
  readonly resource: string | undefined;
  readonly grant: string | undefined;
  /** Of a delivery or acceptance: index of its access. */
  readonly access: number | undefined;
  /** Under which an index of subjects has the record. */
  readonly tags: readonly string[];
}

export function factsOf(stored: StoredRecord): Facts {
  const face = JSON.parse(stored.face) as AnyFace;
  const { type } = face;
  const { request, requester, time, resource, grant, access, rule, subjects } = bodyOf({ stored }) as AnyBody;
  const tags = subjects === "bulk" ? [bulkTagOf(face.steward ?? "")] : (subjects ?? []);
  const timeMs = Date.parse(time);
  return { type, permit: rule === "permit", request, requester, timeMs, resource, grant, access, tags };
}

type AnyFace = { readonly type: KnownRecord["type"] } & Partial<Pick<Extract<Face, { type: "access" }>, "steward">>;

/** There are few stewards, and bulk uses by the million. */
const bulkTags = new Lru<string>(1024);
function bulkTagOf(steward: string): string {
  const known = bulkTags.get(steward);
  if (known !== undefined) return known;
  const tag = bulkTag(steward);
  bulkTags.set(steward, tag);
  return tag;
}

/** What the bodies of all types have, and may have, in common. */
type AnyBody = Pick<AccessBody, "request" | "requester" | "time"> &
  Partial<Pick<AccessBody, "resource" | "grant" | "rule" | "subjects">> &
  Partial<Pick<DeliveryBody, "access">>;

/** Where a record stands. Its row is this on a line, then the record's own line as it stands in its batch. */
type Place = readonly [block: number, index: number, txId: string, first: number, type: KnownRecord["type"]];

export class Records {
  readonly #store: Store;
  readonly #chains: Chains;
  /** By place, and by request. */
  readonly #recent = new Lru<KnownRecord>(MAX_RECENT * 2);

  constructor(store: Store, chains: Chains) {
    this.#store = store;
    this.#chains = chains;
  }

  /** @param line of the batch: the text of `known.stored`. */
  file(changes: Changes, known: KnownRecord, facts: Facts, line: string, leaf: string): void {
    const { block, index, txId, first, type, log, record } = known;
    const place: Place = [block, index, txId, first, type];
    changes.put(KEYS.record(log, record), `${JSON.stringify(place)}\n${line}`);
    if (type === "index") {
      changes.put(KEYS.index(log, record), "");
      return;
    }
    if (facts.tags.length > 0) changes.put(KEYS.tagged(log, record), [leaf, ...facts.tags].join(" "));
    changes.put(requestKey(known, facts), `${log}|${record}`);
    if (facts.permit) changes.put(KEYS.open(log, record), "");
    if (facts.access === undefined) return;
    if (type === "acceptance") changes.put(KEYS.acceptance(log, facts.access), String(record));
    else changes.delete(KEYS.open(log, facts.access));
  }

  /** To be called as soon as a block is on disk. */
  renew(known: KnownRecord, facts: Facts): void {
    this.#recent.set(KEYS.record(known.log, known.record), known);
    if (known.type !== "index") this.#recent.set(requestKey(known, facts), known);
  }

  record(log: string, record: number): KnownRecord | undefined {
    const key = KEYS.record(log, record);
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const text = this.#store.get(key);
    if (text === undefined) return undefined;
    const end = text.indexOf("\n");
    const [block, index, txId, first, type] = JSON.parse(text.slice(0, end)) as Place;
    return { block, index, txId, log, record, first, type, stored: recordOf(text.slice(end + 1)) };
  }

  recordOf = (request: string) => this.#byRequest(KEYS.request(request));
  deliveryOf = (request: string) => this.#byRequest(KEYS.delivery(request));

  acceptanceOf(log: string, access: number): KnownRecord | undefined {
    const record = this.#store.get(KEYS.acceptance(log, access));
    return record === undefined ? undefined : this.record(log, Number(record));
  }

  #byRequest(key: string): KnownRecord | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const [log, record] = this.#store.get(key)?.split("|") ?? [];
    return log === undefined ? undefined : this.record(log, Number(record));
  }

  /** Begins at `from`, for the rows deleted before it would have to be passed over one by one. */
  async *undelivered(log: string, from = 0): AsyncIterable<KnownRecord> {
    const prefix = under("u", log);
    for await (const [key] of this.#store.entries({ ...range(prefix), gte: KEYS.open(log, from) })) {
      const known = this.record(log, Number(key.slice(prefix.length)));
      if (known !== undefined) yield known;
    }
  }

  async *tagged(log: string, from: number, to: number): AsyncIterable<TaggedRecord> {
    const scan = { gte: KEYS.tagged(log, from), lt: KEYS.tagged(log, to) };
    for await (const [key, text] of this.#store.entries(scan)) {
      const [leaf = "", ...tags] = text.split(" ");
      yield { index: Number(key.slice(key.lastIndexOf("|") + 1)), leaf, tags };
    }
  }

  async *indexes(log: string): AsyncIterable<KnownRecord> {
    const prefix = under("n", log);
    for await (const [key] of this.#store.entries(range(prefix))) {
      const known = this.record(log, Number(key.slice(prefix.length)));
      if (known !== undefined) yield known;
    }
  }

  async *chain(key: ChainKey, from: number): AsyncIterable<KnownRecord> {
    for await (const { first, records } of this.#chains.segments(key, from)) {
      for (const [i, [index]] of records.entries()) {
        const known = first + i < from ? undefined : this.record(key.scope, index);
        if (known !== undefined) yield known;
      }
    }
  }
}

const requestKey = (known: KnownRecord, { request }: Facts): string =>
  known.type === "delivery" ? KEYS.delivery(request) : KEYS.request(request);
