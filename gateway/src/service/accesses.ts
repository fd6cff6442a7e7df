/** Accesses: checked before they cost anything, recorded once, and accounted for after the last byte, whatever happened. */
import {
  acceptable,
  accepted,
  type AccessAccept,
  type AccessRequest,
  type AccessVoid,
  decodeRecord,
  isQuanjiError,
  type Party,
  type Payload,
  QuanjiError,
  type Resource,
  subjectsOf,
  takeSeq,
  type TallySign,
} from "@quanji/chaincode/domain";
import { type FlattenedJws, type Openings, partyOf, thumbprintOf } from "@quanji/chaincode/log";
import { bodyOf } from "../readmodel/body.js";
import type { KnownRecord, ReadModel } from "../readmodel/readmodel.js";
import type { Recorder } from "../recorder/recorder.js";
import { accessOf } from "./records.js";
import type { Delivered, Deliveries, OpenDelivery } from "./deliveries.js";

/** An access or void whose form, signature, freshness and openings the edge has checked. */
export interface CheckedAccess<V extends "access" | "access.void" = "access"> {
  readonly type: V extends "access" ? "access" : "void";
  readonly kid: string;
  readonly payload: Payload<V>;
  readonly jws: FlattenedJws;
  readonly request: string;
  readonly openings: Openings | undefined;
}

/** An acceptance whose form, signature and freshness the edge has checked. */
export interface CheckedAcceptance {
  readonly kid: string;
  readonly party: Party;
  readonly payload: AccessAccept;
  readonly jws: FlattenedJws;
  readonly request: string;
}

/** A tally whose form, signature and freshness the edge has checked. */
export type CheckedTally = Omit<CheckedAcceptance, "party" | "payload"> & { readonly payload: TallySign };

/** `first`: this call made the record, so its data may go out. Every other call gets the receipt alone. */
export interface Recorded {
  readonly record: KnownRecord;
  readonly first: boolean;
}

export interface AccessesOptions {
  readonly readModel: ReadModel;
  /** By log. */
  readonly recorders: ReadonlyMap<string, Pick<Recorder, "log" | "record">>;
  readonly deliveries: Deliveries;
  readonly pause: (ms: number) => Promise<void>;
  /** Ledger time, ms since 1970. */
  readonly now: () => number;
  /** Told of a delivery that could not be recorded; the next start closes it as unknown. */
  readonly report: (error: unknown) => void;
}

const DELIVERY_ATTEMPTS = 6;
const DELIVERY_PAUSE_MS = 100;

export class Accesses {
  readonly #options: AccessesOptions;
  readonly #underWay = new Map<string, Promise<Recorded>>();
  /** Deliveries that are being recorded, by the request of their access. */
  readonly #deliveries = new Map<string, Promise<void>>();

  constructor(options: AccessesOptions) {
    this.#options = options;
  }

  known(request: string): Promise<KnownRecord | undefined> {
    return this.#options.readModel.recordOf(request);
  }

  /**
   * Records once, however often it is called. Errors: NOT_FOUND (log of another gateway, unknown resource),
   * COMMAND_REPLAYED, MALFORMED, NOT_RECORDED.
   */
  async record(access: CheckedAccess | CheckedAccess<"access.void">): Promise<Recorded> {
    const underWay = this.#underWay.get(access.request);
    if (underWay !== undefined) return { record: (await underWay).record, first: false };
    const work = this.#record(access).finally(() => this.#underWay.delete(access.request));
    this.#underWay.set(access.request, work);
    return work;
  }

  /**
   * Looks for the record again, now that no other call can make it: one that was under way a moment ago is readable by
   * now. So of all calls with the same bytes exactly one is the first, and data leaves once.
   */
  async #record(access: CheckedAccess | CheckedAccess<"access.void">): Promise<Recorded> {
    const known = await this.known(access.request);
    if (known !== undefined) return { record: known, first: false };
    const recorder = this.#recorderOf(access.payload);
    // What the chaincode would refuse costs it no batch.
    if (access.type === "access") subjectsOf(await this.#resourceOf(access.payload), access.payload.subjects);
    takeSeq(await this.#options.readModel.seen(recorder.log, access.kid), access.payload.seq);
    const { type, kid, payload, jws, request, openings } = access;
    const parsed = { kid, payload };
    const record = await recorder.record({ type, jws, request, parsed, ...(openings !== undefined && { openings }) });
    return { record, first: true };
  }

  /**
   * Records the requester's word for a delivery, once its own record is there. The same bytes get the first record.
   * Errors: NOT_FOUND: no delivery of that access to the signer; STATE_CONFLICT: it says otherwise, was accepted before, or
   * nothing was delivered; KEY_INVALID, NOT_RECORDED.
   */
  async accept({ kid, party, payload, jws, request }: CheckedAcceptance): Promise<KnownRecord> {
    const recorder = this.#recorderOf(payload);
    const { readModel, now } = this.#options;
    const { log, record } = payload;
    const access = await readModel.record(log, record);
    if (access?.type !== "access" || partyOf(accessOf(access).requester) !== party.id) throw nothingThere();
    const asked = accessOf(access).request;
    await this.#deliveries.get(asked);
    const delivery = await readModel.deliveryOf(asked);
    if (delivery === undefined) throw nothingThere();
    // What the chaincode would refuse costs it no batch.
    acceptable(decodeRecord(delivery.stored), { payload, party, thumbprint: thumbprintOf(kid), timeMs: now() });
    const known = await readModel.acceptanceOf(log, record);
    if (known !== undefined && bodyOf(known).request !== request) throw accepted();
    return known ?? recorder.record({ type: "acceptance", jws, request, delivery });
  }

  /**
   * Records a source's count. Errors: NOT_FOUND; ROLE_REQUIRED, KEY_INVALID: not by the steward's tally key; MALFORMED;
   * STATE_CONFLICT: it overlaps another, or runs ahead; NOT_RECORDED.
   */
  async tally({ kid, payload, jws, request }: CheckedTally): Promise<KnownRecord> {
    const recorder = this.#recorderOf(payload);
    await this.#resourceOf(payload);
    return recorder.record({ type: "tally", jws, request, parsed: { kid, payload } });
  }

  #recorderOf({ log }: Pick<AccessVoid, "log">): Pick<Recorder, "log" | "record"> {
    const recorder = this.#options.recorders.get(log);
    if (recorder === undefined) throw nothingThere();
    return recorder;
  }

  /** Errors: NOT_FOUND: no such resource, or not used through that log. */
  async #resourceOf({ resource: id, log }: Pick<AccessRequest, "resource" | "log">): Promise<Resource> {
    const resource = await this.#options.readModel.resource(id);
    if (resource?.logs.includes(log) !== true) throw nothingThere();
    return resource;
  }

  /** Errors: MALFORMED where the query makes no sense for the resource: refused before it is recorded and uses quota. */
  async checkQuery({ payload, openings }: CheckedAccess): Promise<void> {
    await this.#options.deliveries.check(payload, openings, await this.#resourceOf(payload));
  }

  /**
   * Opens the data of a permit. Never rejects: a delivery that cannot even begin (no source is bound, it is too late, the
   * grant was stopped meanwhile) has no bytes and says why in its summary.
   */
  async open(record: KnownRecord, access: CheckedAccess, signal: AbortSignal): Promise<OpenDelivery> {
    try {
      return await this.#options.deliveries.open(record, access.payload, access.openings, signal);
    } catch (error) {
      return nothing(error);
    }
  }

  /** Records what left, in the background: the answer does not wait for it, a shutdown does. */
  settle(record: KnownRecord, delivered: Delivered): void {
    const { request } = accessOf(record);
    const work = this.#recordDelivery(record, delivered).finally(() => this.#deliveries.delete(request));
    this.#deliveries.set(request, work);
  }

  async #recordDelivery(access: KnownRecord, delivered: Delivered): Promise<void> {
    const recorder = this.#options.recorders.get(access.log);
    for (let attempt = 0; recorder !== undefined; attempt++) {
      try {
        await recorder.record({ type: "delivery", access, ...delivered });
        return;
      } catch (error) {
        if (attempt >= DELIVERY_ATTEMPTS || !isQuanjiError(error, "NOT_RECORDED")) {
          this.#options.report(error);
          return;
        }
        await this.#options.pause(DELIVERY_PAUSE_MS * 2 ** attempt);
      }
    }
  }

  /** Waits for records and delivery records under way. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
    await Promise.allSettled(this.#deliveries.values());
  }
}

const nothingThere = (): QuanjiError => new QuanjiError("NOT_FOUND", "there is nothing here that you may see");

const nothing = (error: unknown): OpenDelivery => ({
  summary: Promise.resolve({
    ...FAILED,
    outcome: "failed",
    failure: isQuanjiError(error)
      ? error
      : new QuanjiError("SOURCE_FAILED", "the delivery could not begin", { cause: error }),
  }),
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
});

/** SHA-256 of nothing. */
const NO_BYTES = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

export const FAILED: Delivered = { bytes: 0, digest: NO_BYTES, masked: [], outcome: "failed", rows: 0 };
