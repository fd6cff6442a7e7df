/** A record by itself: exact bytes, known form, and members that must agree with each other. */
import {
  hourOf,
  instant,
  isWindow,
  msOf,
  parseRecord,
  type QuanjiRecord,
  recordLeaf,
  splitRecordText,
  splitVersion,
} from "@quanji/chaincode/domain";
import { type Hash, partyOf } from "@quanji/chaincode/log";
import { refuse } from "./verdict.js";

/** How long after its record the data may leave. */
const DELIVER_WITHIN_MS = 30_000;

export interface OpenedRecord {
  readonly record: QuanjiRecord;
  readonly leaf: Hash;
  readonly timeMs: number;
}

/** Errors: NOT_CANONICAL, VERSION_UNKNOWN, TYPE_UNKNOWN, FIELD_UNKNOWN, NUMBER_FORBIDDEN, LINK_MISSING, RECORD_CONTRADICTS. */
export function openRecord(text: string): OpenedRecord {
  const bytes = splitRecordText(text);
  const record = parseRecord(bytes);
  const timeMs = msOf(record.body.time);
  assertAgrees(record, timeMs);
  return { record, leaf: recordLeaf(bytes), timeMs };
}

function assertAgrees(record: QuanjiRecord, timeMs: number): void {
  const { face, body } = record;
  const agrees =
    face.hour === hourOf(body.time) &&
    face.unit === partyOf(body.requester) &&
    (record.type !== "access" || decided(record, timeMs)) &&
    (record.type !== "acceptance" || follows(record)) &&
    (record.type !== "tally" || (isWindow(record.body) && record.body.to <= face.index));
  if (!agrees) refuse("RECORD_CONTRADICTS", "face and body of the record contradict each other");
}

/** Access, delivery and acceptance stand in the log in that order. */
const follows = ({ face, body }: Extract<QuanjiRecord, { type: "acceptance" }>): boolean =>
  body.access < body.delivery && body.delivery < face.index;

/** Rules that a stop which is not folded in yet can decide. */
const STOPPED: ReadonlySet<string> = new Set(["GRANT_REVOKED", "GRANT_SUSPENDED", "ANCESTOR_NOT_IN_FORCE"]);

function decided({ face, body }: Extract<QuanjiRecord, { type: "access" }>, timeMs: number): boolean {
  const permit = face.decision === "permit";
  return (
    (body.rule === "permit") === permit &&
    body.deliverBefore === (permit ? instant(timeMs + DELIVER_WITHIN_MS) : undefined) &&
    (body.grant === undefined) === (body.basis.grant === undefined) &&
    (body.basis.ancestors === undefined || body.grant !== undefined) &&
    !(permit && body.grant === undefined) &&
    (body.stop === undefined || STOPPED.has(body.rule))
  );
}

/** Id of the grant that a record names; undefined for a void, and for a denial without one. */
export function grantOf(record: QuanjiRecord): string | undefined {
  if (record.type === "void" || record.type === "tally" || record.body.grant === undefined) return undefined;
  return splitVersion(record.body.grant).id;
}

/** Id of the object of a kind that a record touches: that object's chain has the record. */
export function touches(record: QuanjiRecord, kind: "grant" | "party" | "resource"): string | undefined {
  switch (kind) {
    case "grant":
      return grantOf(record);
    case "party":
      return record.type === "tally" ? undefined : partyOf(record.body.requester);
    case "resource":
      return record.type === "void" ? undefined : splitVersion(record.body.resource).id;
  }
}
