/** Erasing what accesses committed to: named records, or all of a resource that are older than they need be kept. */
import { type Erasable, MAX_ERASED, parseWith, type Payload, ResourceId } from "@quanji/chaincode/domain";
import type { Json, JsonObject } from "@quanji/chaincode/log";
import type { Page } from "./objects.js";
import { pathOf, type Sent, type Session } from "./session.js";

/** A record of which something is kept. */
export interface KeptRecord {
  readonly log: string;
  readonly index: number;
  readonly id: string;
  readonly time: string;
  readonly fields: readonly Erasable[];
}

export type ErasureBasis = Payload<"record.erase">["basis"];

/** One command that was sent. */
export interface SentErasure extends Sent {
  readonly log: string;
  readonly records: number;
  readonly fields: number;
}

const PAGE = 100;

export class Erasures {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Records of a resource of which something is kept, oldest first: for its steward and the regulator. Errors: NOT_FOUND. */
  async *kept(resource: string, before?: string): AsyncGenerator<KeptRecord, void, void> {
    let cursor: string | undefined;
    do {
      const page = await this.#page(resource, before, cursor);
      yield* page.items;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  async #page(resource: string, before: string | undefined, cursor: string | undefined): Promise<Page<KeptRecord>> {
    parseWith(ResourceId, resource);
    const query = { limit: PAGE, before, cursor };
    return (await this.#session.read(
      pathOf(["openings", ...resource.split("/")], query),
    )) as unknown as Page<KeptRecord>;
  }

  /**
   * Erases these fields of these records, a command for as many as one may name. Errors: NOT_FOUND; STATE_CONFLICT · ERASED for
   * what is not kept: then nothing of that command was erased.
   */
  async *erase(
    resource: string,
    records: Iterable<KeptRecord> | AsyncIterable<KeptRecord>,
    basis: ErasureBasis,
    ground?: Json,
  ): AsyncGenerator<SentErasure, void, void> {
    let group: KeptRecord[] = [];
    for await (const record of records) {
      const [first] = group;
      if (first !== undefined && (group.length >= MAX_ERASED || record.log !== first.log)) {
        yield await this.#send(resource, group, basis, ground);
        group = [];
      }
      group.push(record);
    }
    if (group.length > 0) yield await this.#send(resource, group, basis, ground);
  }

  /**
   * Erases all that is kept of accesses before an instant. May be run again at any time, also after it was interrupted: what is
   * erased is not listed any more.
   */
  async *expire(resource: string, before: string, ground?: Json): AsyncGenerator<SentErasure, void, void> {
    yield* this.erase(resource, this.kept(resource, before), "retention", ground);
  }

  async #send(
    resource: string,
    group: readonly KeptRecord[],
    basis: ErasureBasis,
    ground: Json | undefined,
  ): Promise<SentErasure> {
    const log = group[0]?.log ?? "";
    const records = group.map(({ id, index, fields }) => ({ id, index, fields: [...fields] }));
    const payload: JsonObject = { resource, log, records, basis };
    const sent = await this.#session.send(
      "record.erase",
      payload,
      ground === undefined ? {} : { ground: { value: ground } },
    );
    const fields = group.reduce((sum, one) => sum + one.fields.length, 0);
    return { ...sent, log, records: group.length, fields };
  }
}
