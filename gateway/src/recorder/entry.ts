/** One item on its way into the log: what it is called, what it touches, and its bytes, made once when it is admitted. */
import { instant, QuanjiError } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, type Openings, partyOf, requestOfJws } from "@quanji/chaincode/log";
import { bodyOf } from "../readmodel/body.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { AcceptanceToRecord, DeliveryToRecord, IndexToRecord, ItemToRecord, RequestToRecord } from "./recorder.js";

export type Item = ItemToRecord;

/** `grant:<id>`, `party:<id>` or `resource:<id>`: what a record's decision rests on, and what a batch pays for. */
export type ObjectName = `${"grant" | "party" | "resource"}:${string}`;

/** What is known of an item before it waits. */
export interface Subject {
  /** Items of one identity share one promise: the request's hash, or the access that a delivery belongs to. */
  readonly identity: string;
  /** Hash of the request: the item's own, or its access's. */
  readonly request: string;
  /** What only one can have: a key's sequence number, the acceptance of a delivery, the next tally. A delivery takes none. */
  readonly slot?: string;
  readonly objects: readonly ObjectName[];
  readonly requester: ObjectName;
}

export interface Entry {
  readonly item: Item;
  readonly subject: Subject;
  /** Record id, UUIDv7. */
  readonly id: string;
  /** When it was admitted: its time in the log, unless the log's last record is later. */
  readonly admittedMs: number;
  /** Canonical JSON of the record up to its time, which may still be raised. */
  readonly text: string;
  /** Bytes that the record adds to a batch. */
  readonly bytes: number;
  /** Batches in which it met an MVCC conflict. */
  conflicts: number;
  readonly resolve: (known: KnownRecord) => void;
  readonly reject: (error: QuanjiError) => void;
}

type Json = Readonly<Record<string, unknown>>;

/** The gateway has parsed and checked these texts before: here they are only read again. */
const jsonOf = (text: string): Json => JSON.parse(text) as Json;
const decoded = (part: string): Json => jsonOf(Buffer.from(part, "base64url").toString("utf8"));

function textAt(json: Json, member: string): string {
  const value = json[member];
  if (typeof value === "string") return value;
  throw new QuanjiError("MALFORMED", "the request lacks a member", { field: member });
}

const withoutVersion = (id: string): string => id.slice(0, id.lastIndexOf("@"));

/** Errors: MALFORMED naming the member, for an item that nobody has checked. */
export function subjectOf(item: Item): Subject {
  switch (item.type) {
    case "delivery":
      return ofDelivery(item);
    case "acceptance":
      return ofAcceptance(item);
    case "index":
      return ofIndex(item);
    case "access":
    case "void":
    case "tally":
      return ofRequest(item);
  }
}

function ofRequest({ type, jws, request, parsed }: RequestToRecord): Subject {
  const kid = parsed?.kid ?? textAt(decoded(jws.protected), "kid");
  const payload: Json = parsed?.payload ?? decoded(jws.payload);
  const requester: ObjectName = `party:${partyOf(kid)}`;
  const objects: ObjectName[] = [requester];
  if (type === "tally") objects.push(`resource:${textAt(payload, "resource")}`);
  if (type === "access") {
    objects.push(`resource:${textAt(payload, "resource")}`);
    if (payload["grant"] !== undefined) objects.push(`grant:${textAt(payload, "grant")}`);
  }
  const slot = type === "tally" ? `tally ${textAt(payload, "resource")}` : `${kid} ${String(payload["seq"])}`;
  return { identity: request, request, slot, objects, requester };
}

/** It rests on nothing, and is nobody's. */
function ofIndex({ before, root }: IndexToRecord): Subject {
  const identity = `index ${before} ${root}`;
  return { identity, request: identity, slot: "index", objects: [], requester: "party:" };
}

function ofDelivery({ access }: DeliveryToRecord): Subject {
  const body: Json = bodyOf(access);
  return { identity: `delivery ${access.record}`, request: requestOfAccess(access, body), ...objectsOf(body) };
}

function ofAcceptance({ request, delivery }: AcceptanceToRecord): Subject {
  return { identity: request, request, slot: `delivery ${delivery.record}`, ...objectsOf(bodyOf(delivery)) };
}

/** Of an access or its delivery. */
function objectsOf(body: Json): Pick<Subject, "objects" | "requester"> {
  const requester: ObjectName = `party:${partyOf(textAt(body, "requester"))}`;
  const resource: ObjectName = `resource:${withoutVersion(textAt(body, "resource"))}`;
  const grant: ObjectName = `grant:${withoutVersion(textAt(body, "grant"))}`;
  return { objects: [requester, resource, grant], requester };
}

const requestOfAccess = (access: KnownRecord, body: Json): string =>
  access.stored.request === undefined ? textAt(body, "request") : requestOfJws(access.stored.request);

/** Random bytes of a record: 10 for the id, 16 of nonce, three salts of 32. */
const RANDOM_BYTES = 10 + 16 + 3 * 32;
/** `,"time":"2025-11-20T07:36:01.123Z","type":"acceptance"}` and the comma that follows. */
const TAIL_BYTES = 58;

export interface EntryParts {
  readonly item: Item;
  readonly subject: Subject;
  readonly admittedMs: number;
  readonly random: (size: number) => Uint8Array;
  readonly resolve: (known: KnownRecord) => void;
  readonly reject: (error: QuanjiError) => void;
}

export function makeEntry({ item, subject, admittedMs, random, resolve, reject }: EntryParts): Entry {
  const bytes = Buffer.from(random(RANDOM_BYTES));
  const id = uuidV7(admittedMs, bytes.toString("hex", 0, 10));
  const nonce = bytes.toString("base64url", 10, 26);
  const salt = (i: number): string => bytes.toString("base64url", 26 + 32 * i, 58 + 32 * i);
  const salts = `{"grant":"${salt(0)}","party":"${salt(1)}","resource":"${salt(2)}"}`;
  const text = textOf(item, id, nonce, salts);
  const size = Buffer.byteLength(text) + TAIL_BYTES;
  return { item, subject, id, admittedMs, text, bytes: size, conflicts: 0, resolve, reject };
}

/*
 * The batch is canonical JSON (RFC 8785) by construction, for a thousand records a batch leave no time to sort members: they
 * are written in order here, and ids, salts, hashes and the parts of a JWS consist of characters that JSON never escapes.
 */

function textOf(item: Item, id: string, nonce: string, salts: string): string {
  if (item.type === "delivery") return deliveryText(item, id, nonce, salts);
  if (item.type === "acceptance") return acceptanceText(item, id, nonce, salts);
  if (item.type === "index") return indexText(item, id, nonce, salts);
  return requestText(item, id, nonce, salts);
}

function acceptanceText({ jws, delivery }: AcceptanceToRecord, id: string, nonce: string, salts: string): string {
  const place = `"delivery":${delivery.record},"first":${delivery.first}`;
  return `{${place},"id":"${id}","nonce":"${nonce}","request":${jwsText(jws)},"salts":${salts}`;
}

function indexText(
  { before, first, root, size, seed }: IndexToRecord,
  id: string,
  nonce: string,
  salts: string,
): string {
  const place = `"before":${before},"first":${first}`;
  return `{${place},"id":"${id}","nonce":"${nonce}","root":"${root}","salts":${salts},"seed":"${seed}","size":${size}`;
}

function requestText(item: RequestToRecord, id: string, nonce: string, salts: string): string {
  const openings = item.openings === undefined ? "" : `"openings":${openingsText(item.openings)},`;
  return `{"id":"${id}","nonce":"${nonce}",${openings}"request":${jwsText(item.jws)},"salts":${salts}`;
}

/** Values were put into canonical form when their commitments were checked: a string among them is well-formed. */
function openingsText(openings: Openings): string {
  const members = Object.entries(openings).sort(([a], [b]) => (a < b ? -1 : 1));
  const texts = members.map(([path, { salt, value }]) => {
    const text = typeof value === "string" ? JSON.stringify(value) : canonical(value);
    return `${JSON.stringify(path)}:{"salt":${JSON.stringify(salt)},"value":${text}}`;
  });
  return `{${texts.join(",")}}`;
}

const jwsText = (jws: FlattenedJws): string =>
  `{"payload":"${jws.payload}","protected":"${jws.protected}","signature":"${jws.signature}"}`;

function deliveryText(item: DeliveryToRecord, id: string, nonce: string, salts: string): string {
  const { access, bytes, digest, masked, outcome, rows } = item;
  return (
    `{"access":${access.record},"bytes":${bytes},"digest":"${digest}","first":${access.first},"id":"${id}",` +
    `"masked":${JSON.stringify(masked)},"nonce":"${nonce}","outcome":"${outcome}","rows":${rows},"salts":${salts}`
  );
}

/** The transient `batch`: exact bytes whose digest stands in the arguments. `timesMs`: one a record. */
export function batchText(nonce: string, entries: readonly Entry[], timesMs: readonly number[]): string {
  let text = `{"nonce":"${nonce}","records":[`;
  let last = -1;
  let time = "";
  for (const [i, entry] of entries.entries()) {
    const ms = timesMs[i] ?? entry.admittedMs;
    if (ms !== last) time = instant(ms);
    last = ms;
    text += `${i === 0 ? "" : ","}${entry.text},"time":"${time}","type":"${entry.item.type}"}`;
  }
  return `${text}]}`;
}

/**
 * Times of the records of a batch: when each was admitted, but never below the record before it, so a record that was put
 * behind others after a conflict takes the time of the log's last. None is after `nowMs`, the time of submission.
 */
export function timesOf(entries: readonly Entry[], floorMs: number, nowMs: number): number[] {
  let last = floorMs;
  return entries.map((entry) => {
    last = Math.max(last, Math.min(entry.admittedMs, nowMs));
    return last;
  });
}

/** UUID version 7: 48 bits of milliseconds, 74 random bits of `hex` (10 bytes). @see RFC 9562 §5.7 */
export function uuidV7(ms: number, hex: string): string {
  const time = ms.toString(16).padStart(12, "0");
  const variant = ((Number.parseInt(hex.charAt(3), 16) % 4) + 8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
