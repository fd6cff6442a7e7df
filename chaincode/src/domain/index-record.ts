/**
 * Index 索引: the record that says which tags of data subjects stand in the records `from` ≤ index < `to` of its log. Its root is
 * that of a sorted tree tag → sealed head of the tag's chain in this index. Indexes follow on each other without a hole.
 */
import { z } from "zod";
import { canonical, parseCanonical } from "../log/canonical.js";
import type { Hash } from "../log/hash.js";
import { leafOf } from "../log/record.js";
import { EMPTY_ROOT_TEXT } from "../log/subject.js";
import { QuanjiError } from "./errors.js";
import { Digest, LogOrigin, Uuid } from "./ids.js";
import type { RecordBytes } from "./record.js";
import { dayOf, MAX_SUBJECTS } from "./subject.js";
import { hourOf, Instant, msOf } from "./time.js";

const count = z.int().min(0);

export const IndexFace = z.strictObject({
  hour: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}Z$/),
  index: count,
  log: LogOrigin,
  type: z.literal("index"),
  v: z.literal("quanji.record.v1"),
});
export const IndexBody = z.strictObject({
  /** Day of the network's calendar in which it begins. */
  day: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  from: count,
  id: Uuid,
  nonce: z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/),
  /** Leaf of the index before it in this log; absent in the first. */
  prev: Digest.optional(),
  root: Digest,
  /** Leaves of the tree: how many tags. */
  size: count,
  /** Every record of the log from before this time is indexed, here or earlier. */
  through: Instant,
  time: Instant,
  to: count,
});
export type IndexBody = z.infer<typeof IndexBody>;

export interface IndexRecord {
  readonly face: z.infer<typeof IndexFace>;
  readonly body: IndexBody;
}

export const indexBytes = ({ face, body }: IndexRecord): RecordBytes => ({
  face: canonical(face),
  body: canonical(body),
});

/** Where the newest index of a log ends. */
export interface IndexTip {
  readonly to: number;
  readonly through: string;
  readonly leaf: string;
}

/** What a gateway asks to record, and what the ledger knows. */
export interface IndexClaim {
  readonly log: string;
  readonly timeZone: string;
  readonly id: string;
  readonly nonce: string;
  readonly time: string;
  /** The record's own index. */
  readonly index: number;
  readonly to: number;
  readonly root: string;
  readonly size: number;
  readonly tip: IndexTip | undefined;
  /** Time of record `to` − 1; undefined if nobody knows it. */
  readonly last: string | undefined;
}

/**
 * The record. That its root is that of the records in its range, no chaincode can see: it would have to read a day of a log. Whoever
 * holds a record with a tag can show that it is missing. Errors: STATE_CONFLICT · INDEX_OVERLAP; MALFORMED; NOT_FOUND.
 */
export function indexRecord(claim: IndexClaim): IndexRecord {
  const { log, timeZone, id, nonce, time, index, to, root, size, tip, last } = claim;
  const from = tip?.to ?? 0;
  if (to < from || to > index) {
    throw new QuanjiError("STATE_CONFLICT", `an index of these records is there: the next begins at ${from}`, {
      field: "before",
      detail: "INDEX_OVERLAP",
    });
  }
  if (size > (to - from) * MAX_SUBJECTS || (size === 0) !== (root === EMPTY_ROOT_TEXT)) {
    throw new QuanjiError("MALFORMED", "the index has more tags than its records can name, or another root", {
      field: "size",
    });
  }
  if (to > from && last === undefined) {
    throw new QuanjiError("NOT_FOUND", "the last record of the index is not in the batch that it names", {
      field: "first",
    });
  }
  const through = to === index ? time : (last ?? tip?.through ?? time);
  return {
    face: { hour: hourOf(time), index, log, type: "index", v: "quanji.record.v1" },
    body: {
      day: dayOf(msOf(tip?.through ?? through), timeZone),
      from,
      id,
      nonce,
      ...(tip !== undefined && { prev: tip.leaf }),
      root,
      size,
      through,
      time,
      to,
    },
  };
}

/**
 * Strict, as for every record. Errors: MALFORMED · NOT_CANONICAL, VERSION_UNKNOWN, TYPE_UNKNOWN, FIELD_UNKNOWN; PROOF_INVALID ·
 * RECORD_CONTRADICTS.
 */
export function parseIndexRecord(bytes: RecordBytes): IndexRecord & { readonly leaf: Hash } {
  const [face, body] = [parseCanonical(bytes.face), parseCanonical(bytes.body)];
  if (face["v"] !== "quanji.record.v1") throw malformed("VERSION_UNKNOWN", "the record's version is not known");
  if (face["type"] !== "index") throw malformed("TYPE_UNKNOWN", "the record is no index of subjects");
  const [parsedFace, parsedBody] = [IndexFace.safeParse(face), IndexBody.safeParse(body)];
  if (!parsedFace.success || !parsedBody.success) {
    throw malformed("FIELD_UNKNOWN", "the index has a field that is not known, or a wrong value");
  }
  const record = { face: parsedFace.data, body: parsedBody.data };
  if (!agrees(record)) {
    throw new QuanjiError("PROOF_INVALID", "face and body of the index contradict each other", {
      detail: "RECORD_CONTRADICTS",
    });
  }
  return { ...record, leaf: leafOf(bytes.face, bytes.body) };
}

const agrees = ({ face, body: { from, to, size, root, prev, time, through } }: IndexRecord): boolean =>
  face.hour === hourOf(time) &&
  from <= to &&
  to <= face.index &&
  through <= time &&
  size <= (to - from) * MAX_SUBJECTS &&
  (size === 0) === (root === EMPTY_ROOT_TEXT) &&
  (from === 0 || prev !== undefined);

const malformed = (detail: string, message: string): QuanjiError => new QuanjiError("MALFORMED", message, { detail });
