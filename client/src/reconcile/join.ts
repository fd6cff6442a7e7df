/**
 * Permits, deliveries and acceptances of several trails, joined. One access may stand in more than one of them and in any
 * order of files, so what has been said of an access is kept as bits, a byte for each index of a log; in full only what is open.
 */
import { msOf, type QuanjiRecord, splitVersion } from "@quanji/chaincode/domain";
import { partyOf } from "@quanji/chaincode/log";
import { Bits } from "./bits.js";
import type { Missing } from "./findings.js";
import { Windows } from "./windows.js";

/** An access that one side has not spoken of. */
export interface MissingItem {
  readonly code: Missing;
  readonly log: string;
  /** Index of the access, and of its delivery where there is one. */
  readonly access: number;
  readonly delivery?: number;
  /** Time of the record that waits for the other side's word. */
  readonly time: string;
  readonly request: string;
  readonly requester: string;
  readonly resource: string;
  readonly grant: string;
  readonly rows?: number;
}

export interface Counts {
  permits: number;
  denied: number;
  delivered: number;
  partial: number;
  failed: number;
  unknown: number;
  accepted: number;
  tallies: number;
}

type Access = Extract<QuanjiRecord, { readonly type: "access" }>;
type Delivery = Extract<QuanjiRecord, { readonly type: "delivery" }>;
type Tally = Extract<QuanjiRecord, { readonly type: "tally" }>;
type Acceptance = Extract<QuanjiRecord, { readonly type: "acceptance" }>;

type Use = Pick<Access, "face" | "body"> | Pick<Delivery, "face" | "body">;

interface Open {
  readonly item: MissingItem;
  readonly timeMs: number;
  /** Files that show it, by number: it is missing if one of them reaches long enough after it. Mostly there is one. */
  readonly file: number;
  others?: number[];
}

const SEEN = 1;
const DELIVERED = 2;
const ACCEPTED = 4;
/** Of the index of a tally: counted already. */
const TALLY = 8;

/** Data leaves within 30 s of its record or never, and a gateway gives a permit up soon after: by then it has said which. */
const DELIVERY_WITHIN_MS = 120_000;
/** A source tallies from time to time, what is past its half minute. */
const TALLY_WITHIN_MS = 600_000;
/** An acceptance is made when the data is whole; a client that was cut off may try again for a while. */
const ACCEPTANCE_WITHIN_MS = 120_000;

export class Join {
  readonly counts: Counts = {
    permits: 0,
    denied: 0,
    delivered: 0,
    partial: 0,
    failed: 0,
    unknown: 0,
    accepted: 0,
    tallies: 0,
  };
  readonly #bits = new Map<string, Bits>();
  readonly #open = new Map<string, Open>();
  /** Deliveries that no tally counts so far; and the tallies, both by log and resource. */
  readonly #untallied = new Map<string, Map<number, Open>>();
  readonly #tallies = new Map<string, Windows>();

  /** @param file its number: the same record may come from several. */
  add(record: QuanjiRecord, file: number): void {
    if (record.type === "access") this.#access(record, file);
    else if (record.type === "delivery") this.#delivery(record, file);
    else if (record.type === "acceptance") this.#acceptance(record);
    else if (record.type === "tally") this.#tally(record);
  }

  /** What is missing, in the order of logs and indexes; `through[file]`: up to when that file is complete, ms. */
  missing(through: readonly number[]): { readonly missing: readonly MissingItem[]; readonly pending: number } {
    const missing: MissingItem[] = [];
    let pending = 0;
    for (const { item, timeMs, file, others = [] } of this.#open.values()) {
      const within = item.code === "DELIVERY_MISSING" ? DELIVERY_WITHIN_MS : ACCEPTANCE_WITHIN_MS;
      const late = [file, ...others].some((each) => timeMs + within < (through[each] ?? 0));
      if (late || item.code === "DELIVERY_UNKNOWN") missing.push(item);
      else pending++;
    }
    for (const [name, open] of this.#untallied) {
      const windows = this.#tallies.get(name);
      // Without a tally the source has no adapter: nobody promised to count.
      if (windows?.from === undefined) continue;
      for (const [access, { item, timeMs, file, others = [] }] of open) {
        if (access < windows.from) continue;
        const late = [file, ...others].some((each) => timeMs + TALLY_WITHIN_MS < (through[each] ?? 0));
        if (late || access < windows.to) missing.push(item);
        else pending++;
      }
    }
    missing.sort((a, b) => (a.log < b.log ? -1 : a.log > b.log ? 1 : a.access - b.access));
    return { missing, pending };
  }

  #access({ face, body }: Access, file: number): void {
    const bits = this.#bitsOf(face.log);
    const fresh = bits.set(face.index, SEEN);
    if (face.decision === "deny") {
      if (fresh) this.counts.denied++;
      return;
    }
    if (fresh) this.counts.permits++;
    if (bits.has(face.index, DELIVERED)) return;
    this.#wait("DELIVERY_MISSING", { face, body }, face.index, file, {});
  }

  #delivery(record: Delivery, file: number): void {
    const { face, body } = record;
    const bits = this.#bitsOf(face.log);
    if (bits.set(body.access, DELIVERED)) {
      this.#open.delete(nameOf(face.log, body.access));
      this.counts[body.outcome]++;
    }
    if (body.outcome === "delivered" || body.outcome === "partial") this.#awaitTally(record, file);
    if (body.outcome === "failed" || bits.has(body.access, ACCEPTED)) return;
    const code = body.outcome === "unknown" ? "DELIVERY_UNKNOWN" : "ACCEPTANCE_MISSING";
    this.#wait(code, record, body.access, file, { delivery: face.index, rows: body.rows });
  }

  #awaitTally(record: Delivery, file: number): void {
    const { face, body } = record;
    const name = nameOfSource(face.log, body.resource);
    if (this.#tallies.get(name)?.has(body.access) === true) return;
    let open = this.#untallied.get(name);
    if (open === undefined) this.#untallied.set(name, (open = new Map<number, Open>()));
    const known = open.get(body.access);
    if (known !== undefined) note(known, file);
    else open.set(body.access, openOf("TALLY_MISSING", record, body.access, file, { delivery: face.index }));
  }

  #tally({ face, body }: Tally): void {
    if (!this.#bitsOf(face.log).set(face.index, TALLY)) return;
    this.counts.tallies++;
    const name = nameOfSource(face.log, body.resource);
    let windows = this.#tallies.get(name);
    if (windows === undefined) this.#tallies.set(name, (windows = new Windows()));
    windows.add(body.from, body.to);
    const open = this.#untallied.get(name);
    for (const access of open?.keys() ?? []) if (windows.has(access)) open?.delete(access);
  }

  #acceptance({ face, body }: Acceptance): void {
    if (!this.#bitsOf(face.log).set(body.access, ACCEPTED)) return;
    this.counts.accepted++;
    this.#open.delete(nameOf(face.log, body.access));
  }

  #wait(
    code: Missing,
    { face, body }: Use,
    access: number,
    file: number,
    more: Pick<MissingItem, "delivery" | "rows">,
  ): void {
    const name = nameOf(face.log, access);
    const known = this.#open.get(name);
    if (known !== undefined) note(known, file);
    else this.#open.set(name, openOf(code, { face, body } as Use, access, file, more));
  }

  #bitsOf(log: string): Bits {
    let bits = this.#bits.get(log);
    if (bits === undefined) this.#bits.set(log, (bits = new Bits()));
    return bits;
  }
}

function note(open: Open, file: number): void {
  if (open.file !== file) (open.others ??= []).push(file);
}

function openOf(
  code: Missing,
  { face, body }: Use,
  access: number,
  file: number,
  more: Pick<MissingItem, "delivery" | "rows">,
): Open {
  const { time, request, requester, resource, grant = "" } = body;
  const item: MissingItem = {
    code,
    log: face.log,
    access,
    ...more,
    time,
    request,
    requester: partyOf(requester),
    resource: splitVersion(resource).id,
    grant: splitVersion(grant).id,
  };
  return { item, timeMs: msOf(time), file };
}

const nameOfSource = (log: string, resource: string): string => `${log} ${splitVersion(resource).id}`;

const nameOf = (log: string, access: number): string => `${log} ${access}`;
