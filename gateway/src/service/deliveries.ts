/** Deliveries as the gateway makes them: a record's ticket, the resource's source, the grant's obligations and stop clause. */
import {
  type AccessBody,
  type AccessRequest,
  msOf,
  QuanjiError,
  type Resource,
  splitVersion,
} from "@quanji/chaincode/domain";
import { type Openings, partyOf } from "@quanji/chaincode/log";
import {
  assertTicket,
  type Binding,
  deliver,
  type Delivery,
  type DeliverySummary,
  findBinding,
  openSource,
  parseObligation,
  parseQuery,
  planRequest,
  type Query,
  type Source,
  type SourceEnvironment,
  type SourceRequest,
  SubjectCheck,
  tagsAt,
} from "../delivery/index.js";
import type { KnownRecord, ReadModel } from "../readmodel/readmodel.js";
import type { DeliveryToRecord } from "../recorder/recorder.js";
import { accessOf } from "./records.js";
import { isStopped } from "./stops.js";

export type OpenDelivery = Delivery;

/** What a delivery record says of what left. */
export type Delivered = Omit<DeliveryToRecord, "type" | "access">;

/** The port that accesses use; tests bring their own. */
export interface Deliveries {
  /** Errors: MALFORMED, field `query…`, where the query does not fit the resource. */
  check(access: AccessRequest, openings: Openings | undefined, resource: Resource): Promise<void>;
  /** Errors: SOURCE_FAILED · NO_BINDING; those of a ticket; MALFORMED. Nothing has left then. */
  open(
    record: KnownRecord,
    access: AccessRequest,
    openings: Openings | undefined,
    signal: AbortSignal,
  ): Promise<OpenDelivery>;
}

export interface SourceDeliveriesOptions {
  readonly readModel: ReadModel;
  /** The bindings in force; `now`: also those of a moment ago. */
  readonly bindings: (now?: boolean) => Promise<readonly Binding[]>;
  readonly environment: SourceEnvironment;
  /** The receipt of a permit, for a source that asks for it: its steward may see all of it but the chains' positions. */
  readonly ticket: (record: KnownRecord) => Promise<string>;
  /** Ledger time, ms since 1970. */
  readonly now: () => number;
}

export class SourceDeliveries implements Deliveries {
  readonly #options: SourceDeliveriesOptions;
  /** Sources hold caches and connections, so one is kept for each binding as long as the binding stands unchanged. */
  readonly #sources = new Map<string, Source>();

  constructor(options: SourceDeliveriesOptions) {
    this.#options = options;
  }

  async check(access: AccessRequest, openings: Openings | undefined, resource: Resource): Promise<void> {
    const query = queryOf(access, openings);
    try {
      await this.#plan(query, access, resource);
    } catch (error) {
      // Fields and ranges are for the record to judge: a denial is recorded, a query that means nothing is not.
      if (error instanceof QuanjiError && error.field?.startsWith("query") === true) throw error;
    }
  }

  async open(
    record: KnownRecord,
    access: AccessRequest,
    openings: Openings | undefined,
    signal: AbortSignal,
  ): Promise<OpenDelivery> {
    const { readModel, now } = this.#options;
    const body = accessOf(record);
    const grantId = splitVersion(body.grant ?? "@0").id;
    const stopCheck = (): Promise<boolean> => isStopped(readModel, grantId, partyOf(body.requester));
    await assertTicket({
      deliverBeforeMs: msOf(body.deliverBefore ?? ""),
      nowMs: now(),
      isStopped: stopCheck,
      // In this process the receipt's place is taken by what it states: the committed record, read back.
      receiptVerified: body.rule === "permit",
    });
    const resource = await readModel.resource(access.resource);
    const grant = await readModel.grant(grantId);
    if (resource === undefined || grant === undefined) throw new QuanjiError("SOURCE_FAILED", "the resource is gone");
    const binding = await this.#bindingOf(resource);
    const subjects = await this.#subjectsOf(body, resource, binding);
    const asksForTicket = binding.kind === "http" && binding.ticket === true;
    return deliver({
      source: this.#sourceOf(binding),
      access: {
        ...(await this.#plan(queryOf(access, openings), access, resource)),
        ...(asksForTicket && { ticket: await this.#options.ticket(record) }),
      },
      obligations: body.obligations.map(parseObligation),
      quantity: body.quantity,
      onStop: grant.terms.onStop,
      stopCheck,
      signal,
      ...(subjects !== undefined && { subjects }),
    });
  }

  /** What the record's tags are compared by; undefined where nobody told this gateway how. Errors: SOURCE_FAILED. */
  async #subjectsOf(
    body: AccessBody,
    resource: Resource,
    { subjects: how }: Binding,
  ): Promise<SubjectCheck | undefined> {
    const { readModel, environment } = this.#options;
    if (how === undefined || body.subjects === undefined) return undefined;
    const field = resource.fields.find(({ name }) => name === how.field);
    const [network, steward] = [await readModel.network(), await readModel.party(resource.steward)];
    if (field === undefined || network === undefined || steward === undefined) {
      throw new QuanjiError("SOURCE_FAILED", `the resource has no field ${how.field} that tells of whom a row is`, {
        detail: "SUBJECT_FIELD",
      });
    }
    const place = { folder: environment.folder, file: how.keys, ...network, steward };
    return new SubjectCheck(field, body.subjects, await tagsAt(place, msOf(body.time)));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#sources.values()].map((source) => source.close()));
    this.#sources.clear();
  }

  async #plan(query: Query, access: AccessRequest, resource: Resource): Promise<SourceRequest> {
    const network = await this.#options.readModel.network();
    return planRequest(query, {
      fields: resource.fields,
      rangeField: resource.rangeField,
      requested: access.fields,
      range: access.range,
      quantity: access.quantity,
      timeZone: network?.timeZone ?? "+00:00",
    });
  }

  async #bindingOf({ id, steward }: Resource): Promise<Binding> {
    const { bindings } = this.#options;
    const binding = findBinding(await bindings(), id, steward) ?? findBinding(await bindings(true), id, steward);
    if (binding === undefined) {
      throw new QuanjiError("SOURCE_FAILED", "this gateway has no source for the resource", { detail: "NO_BINDING" });
    }
    return binding;
  }

  #sourceOf(binding: Binding): Source {
    const name = JSON.stringify(binding);
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    const source = openSource(binding, this.#options.environment);
    this.#sources.set(name, source);
    return source;
  }
}

/** Without a commitment there is no condition. Errors: MALFORMED: a committed query is opened, or nobody can answer it. */
function queryOf({ query }: AccessRequest, openings: Openings | undefined): Query {
  if (query === undefined) return {};
  const opening = openings?.["query"];
  if (opening === undefined) {
    throw new QuanjiError("MALFORMED", "the query is committed to, but its opening is missing", { field: "query" });
  }
  return parseQuery(opening.value);
}

/** What the record says: the stream's own account, as it stands. */
export const deliveredOf = ({ bytes, digest, masked, outcome, rows }: DeliverySummary): Delivered => ({
  bytes,
  digest,
  masked,
  outcome,
  rows,
});
