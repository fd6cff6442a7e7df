/** What is asked of each record of a section, whatever the trail is of: its request, its decision, and what it says of others. */
import {
  keyIsValid,
  keyOf,
  type Party,
  type QuanjiRecord,
  splitVersion,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import { hashText, type HashText, type Opening, sha256Text, thumbprintOf } from "@quanji/chaincode/log";
import type { DecisionReplay } from "./decision.js";
import type { SignatureCheck } from "./engine.js";
import { Handovers } from "./handovers.js";
import { verifySaid } from "./openings.js";
import type { OpenedRecord } from "./record.js";
import type { RecordLine } from "./record-line.js";
import type { Replayed } from "./replay.js";
import { type Addressee, assertAddressed, assertContent, type OpenedRequest, signerCheck } from "./requester.js";
import { SequenceWindow } from "./sequence.js";
import { Tallies } from "./tallies.js";
import type { OpenedTrust } from "./trust.js";
import { refuse } from "./verdict.js";

/** Permits whose delivery has not come yet; more than this no gateway leaves open. */
const MAX_OPEN_PERMITS = 1_000_000;
/** Open permits kept as they are: to hash one costs more than to keep it, and most are delivered soon. */
const MAX_WHOLE_PERMITS = 1000;

export type TrailKeyKind = TrailLineOf<"trail">["key"]["kind"];

export interface SectionContext {
  readonly trust: OpenedTrust;
  readonly world: Replayed;
  readonly decisions: DecisionReplay;
  /** Keys of requesters that a host holds. */
  readonly hosted: Set<string>;
  /** Takes a check of a signature that goes on while more is read, and sees to its end before any verdict. */
  readonly begun: (check: SignatureCheck) => void;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

type Permit = Extract<QuanjiRecord, { readonly type: "access" }>;
type Delivery = Extract<QuanjiRecord, { readonly type: "delivery" }>;

/** What is kept of a permit until its delivery comes: itself, or where many wait a hash and two numbers, since there may be a million. */
interface OpenPermit {
  readonly what: HashText | Permit;
  readonly quantity: number;
  readonly timeMs: number;
}

/** All that a delivery repeats of its access. */
const repeated = ({ face, body }: Permit | Delivery): readonly string[] => [
  body.request,
  body.requester,
  body.resource,
  body.grant ?? "",
  face.class,
  face.steward,
  face.purpose,
  typeof body.subjects === "object" ? body.subjects.join() : "",
];

/** No string of a record holds a line feed. */
const whatOf = (record: Permit | Delivery): HashText => sha256Text(repeated(record).join("\n"));

function repeats(delivery: Delivery, { what }: OpenPermit): boolean {
  if (typeof what === "string") return what === whatOf(delivery);
  const permit = repeated(what);
  return repeated(delivery).every((word, i) => word === permit[i]);
}

export class RecordJudge {
  readonly #log: string;
  readonly #kind: TrailKeyKind;
  readonly #context: SectionContext;
  readonly #addressee: Addressee;
  readonly #sequences = new Map<string, SequenceWindow>();
  readonly #permits = new Map<number, OpenPermit>();
  readonly #handovers = new Handovers();
  readonly #tallies: Tallies;
  /** Indexes of sealed entries: what belongs to one cannot be compared with it. */
  readonly #sealed = new Set<number>();
  /** Index of the record before the trail's first; records up to it are not shown. */
  readonly #before: number | undefined;

  /** Errors: LOG_UNKNOWN. */
  constructor(log: string, kind: TrailKeyKind, context: SectionContext, before?: number) {
    const { world, trust } = context;
    const gateway = world.logs.get(log);
    if (gateway === undefined || !trust.logs.has(log)) {
      refuse("LOG_UNKNOWN", "the log is not in the directory and the trust file");
    }
    this.#log = log;
    this.#kind = kind;
    this.#context = context;
    this.#before = before;
    this.#addressee = { net: world.net, log, urls: world.gateways.get(gateway) ?? [] };
    this.#tallies = before === undefined ? new Tallies() : new Tallies(before);
  }

  /** An entry that an order hides. */
  sealed(index: number): void {
    this.#sealed.add(index);
    this.#context.decisions.blur(this.#log);
    if (this.#kind === "resource") this.#tallies.sealed(index);
  }

  /** A record that is well formed and stands where it must. */
  judge(line: RecordLine, opened: OpenedRecord): void {
    const { record } = opened;
    this.#context.world.seals.assertMatches(this.#log, record.face.index, () => hashText(opened.leaf));
    if (record.type === "delivery") {
      // 2. A delivery belongs to one permit, which is in the trail.
      if (line.isAsked) refuse("REQUEST_MISMATCH", "a delivery has the request of its access, none of its own");
      this.#said(line, opened, undefined);
      this.#deliver(record);
      this.#handovers.add(record);
      if (this.#kind === "resource") this.#tallies.deliver(record);
      return;
    }
    // 3. The requester signed what the record says, and counted it once.
    if (!line.isAsked) return refuse("REQUEST_MISSING", "the requester's signed request is not in the file");
    const request = line.request();
    this.#verifyRequester(request, opened);
    this.#said(line, opened, request);
    if ("seq" in request.payload) this.#count(record.body.requester, request.payload.seq);
    // 4. An access is decided again.
    if (record.type === "access" && request.type === "access") {
      this.#context.decisions.check(opened, record, request);
      if (record.face.decision === "permit") this.#permit(record, opened.timeMs);
    }
    // 5. An acceptance is of one delivery, which is in the trail, and says what that says.
    const isShown =
      record.type === "acceptance" &&
      record.body.delivery > (this.#before ?? -1) &&
      !this.#sealed.has(record.body.delivery);
    if (isShown) this.#handovers.accept(record);
    // 6. A tally is the steward's, and agrees with permits and deliveries.
    if (record.type === "tally") this.#tally(record);
  }

  /** What the request committed to is opened rightly, or was erased by a command; nothing is both. Most records have neither. */
  #said({ o, e = [] }: RecordLine, { record }: OpenedRecord, request: OpenedRequest | undefined): void {
    const paths = Object.keys(o).filter((path) => !path.startsWith("links."));
    if (paths.length === 0 && e.length === 0) return;
    const { erasures } = this.#context.world;
    for (const path of paths) verifySaid(request, path, o[path] as Opening);
    erasures.assertKept(record, paths);
    erasures.assertErased(record, e);
  }

  #verifyRequester(request: OpenedRequest, opened: OpenedRecord): void {
    const { record, timeMs } = opened;
    const party = this.#context.world.parties.get(record.face.unit);
    if (party === undefined) return refuse("CHAIN_MISSING", "the chain of a requester is not in the file");
    const state: Party | undefined = "basis" in record.body ? party.at(record.body.basis.party) : party.last;
    const key = state === undefined ? undefined : keyOf(state, thumbprintOf(record.body.requester));
    if (key === undefined) return refuse("KEY_PARTY", "the requester had no such key");
    if (record.type === "acceptance" || record.type === "tally") {
      party.assertCurrent(record.body.basis.party, timeMs, false);
      const valid = keyIsValid(key, timeMs, record.type === "tally" ? "tally" : "act");
      if (!valid) refuse("KEY_REVOKED", `the key was not valid for the ${record.type} when it was recorded`);
    }
    assertContent(request, opened);
    assertAddressed(request, this.#addressee);
    this.#context.begun(signerCheck(request, record, key.jwk));
    if (key.custody === "hosted") this.#context.hosted.add(record.body.requester);
  }

  #count(kid: string, seq: number): void {
    let window = this.#sequences.get(kid);
    if (window === undefined) {
      window = new SequenceWindow(this.#before === undefined ? undefined : seq);
      this.#sequences.set(kid, window);
    }
    window.take(seq, this.#isWhole);
  }

  /** All that a key did is in its party's trail, and only there. */
  get #isWhole(): boolean {
    return this.#kind === "party";
  }

  #tally(record: Extract<QuanjiRecord, { readonly type: "tally" }>): void {
    const { face, body } = record;
    const resource = this.#context.world.resources.get(splitVersion(body.resource).id);
    if (resource === undefined) return refuse("CHAIN_MISSING", "the chain of the tallied resource is not in the file");
    const { steward } = resource.at(body.basis.resource);
    if (steward !== face.unit) refuse("ROLE_REQUIRED", "a resource is tallied by its steward's source");
    this.#tallies.tally(record);
  }

  #permit(record: Permit, timeMs: number): void {
    if (this.#permits.size >= MAX_OPEN_PERMITS) refuse("LIMIT_EXCEEDED", "too many permits without a delivery");
    if (this.#kind === "resource") this.#tallies.permit(record.face.index);
    const what = this.#permits.size < MAX_WHOLE_PERMITS ? record : whatOf(record);
    this.#permits.set(record.face.index, { what, quantity: record.body.quantity, timeMs });
  }

  #deliver(delivery: Delivery): void {
    const { face, body } = delivery;
    if (this.#before !== undefined && body.access <= this.#before) return; // its access is before the trail's period
    if (this.#sealed.has(body.access)) return;
    const permit = this.#permits.get(body.access);
    if (permit === undefined) refuse("DELIVERY_UNMATCHED", "the delivery has no permit, or a second delivery of one");
    if (!repeats(delivery, permit) || face.count !== 1) {
      refuse("REQUEST_CONTENT", "the delivery describes another access than the one that it names");
    }
    this.#permits.delete(body.access);
    if (body.outcome === "delivered") return;
    const { id } = splitVersion(body.grant);
    this.#context.decisions.giveBack(this.#log, id, permit.quantity, permit.timeMs);
  }

  /** Errors: SEQ_GAP. */
  assertDense(): void {
    if (this.#isWhole) for (const window of this.#sequences.values()) window.assertDense();
  }
}
