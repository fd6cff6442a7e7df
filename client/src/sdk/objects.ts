/** Reading objects: one by id, a page, or all of a kind. */
import {
  type Attestation,
  type Contract,
  type Grant,
  type Offer,
  parseWith,
  type Party,
  QuanjiError,
  type Resource,
  ResourceId,
} from "@quanji/chaincode/domain";
import type { JsonObject } from "@quanji/chaincode/log";
import { pathOf, type Session } from "./session.js";

export interface Page<T> {
  readonly items: readonly T[];
  /** Cursor of the next page; absent on the last. */
  readonly next?: string;
}

export interface PageOptions {
  /** From 1 to 100. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

interface Objects {
  readonly parties: Party;
  readonly resources: Resource;
  readonly grants: Grant;
  readonly attestations: Attestation;
  readonly offers: Offer;
  readonly contracts: Contract;
}
export type ObjectKind = keyof Objects;

/** Objects of one kind, as the gateway signs that they are. */
export class Reader<K extends ObjectKind> {
  protected readonly session: Session;
  readonly #kind: K;

  constructor(session: Session, kind: K) {
    this.session = session;
    this.#kind = kind;
  }

  /** Errors: NOT_FOUND, also for what the caller may not see; MALFORMED for what is no id. */
  async get(id: string): Promise<Objects[K]> {
    // Another id would ask for another path, which nobody signs an answer for.
    if (this.#kind === "resources") parseWith(ResourceId, id);
    if (id === "") throw new QuanjiError("MALFORMED", "an id is needed", { field: "id" });
    // A resource's id has a slash, which stands as such in the path.
    return (await this.session.read(pathOf([this.#kind, ...id.split("/")]))) as unknown as Objects[K];
  }

  async list({ limit, cursor }: PageOptions = {}): Promise<Page<Objects[K]>> {
    const page: JsonObject = await this.session.read(pathOf([this.#kind], { limit, cursor }));
    return page as unknown as Page<Objects[K]>;
  }

  /** All that the caller may see, page by page. */
  async *all(): AsyncGenerator<Objects[K], void, void> {
    let cursor: string | undefined;
    do {
      const page: Page<Objects[K]> = await this.list({ limit: 100, ...(cursor !== undefined && { cursor }) });
      yield* page.items;
      cursor = page.next;
    } while (cursor !== undefined);
  }
}
