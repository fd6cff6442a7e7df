/**
 * What commands have erased. A salt that is gone proves nothing by itself, for whoever hides something could say so: so nothing
 * counts as erased but what a signed command names, by record and field, in a chain that is shown whole.
 */
import {
  type CommandFacts,
  type Erasable,
  ERASABLE,
  isNamed,
  mayErase,
  type Payload,
  type QuanjiRecord,
} from "@quanji/chaincode/domain";
import { refuse } from "./verdict.js";

/** One command, and what of the evidence it accounts for. */
export interface ErasedBy {
  /** Its request. */
  readonly command: string;
  /** The party that gave it. */
  readonly by: string;
  readonly time: string;
  readonly basis: Payload<"record.erase">["basis"];
  /** Fields of records that are shown without their opening. */
  readonly fields: number;
}

interface Erasure {
  readonly payload: Payload<"record.erase">;
  readonly facts: CommandFacts;
  readonly named: Payload<"record.erase">["records"][number];
}

type Access = Extract<QuanjiRecord, { readonly type: "access" }>;

const isErasable = (path: string): path is Erasable => ERASABLE.some((field) => field === path);

export class Erasures {
  /** By log, index and field. */
  readonly #erased = new Map<string, Erasure>();
  readonly #used = new Map<string, ErasedBy>();

  /** Errors: COMMAND_REFUSED: what is erased cannot be erased again. */
  add(payload: Payload<"record.erase">, facts: CommandFacts): void {
    for (const named of payload.records) {
      for (const field of named.fields) {
        const name = nameOf(payload.log, named.index, field);
        if (this.#erased.has(name)) refuse("COMMAND_REFUSED", "a chain erases the same field of a record twice");
        this.#erased.set(name, { payload, facts, named });
      }
    }
  }

  /** All that the records shown were found to lack, in the order in which it was found. */
  get used(): readonly ErasedBy[] {
    return [...this.#used.values()];
  }

  /**
   * That each of these fields was erased by somebody who may, and counts it. Errors: ERASURE_UNPROVEN (no command names the
   * record and the field), ROLE_REQUIRED.
   */
  assertErased(record: QuanjiRecord, fields: readonly Erasable[]): void {
    for (const field of fields) {
      const erasure = this.#of(record, field);
      if (erasure === undefined || record.type !== "access") {
        return refuse("ERASURE_UNPROVEN", `${field} is said to be erased, and no command erases it`);
      }
      this.#count(erasure, record);
    }
  }

  /** Errors: ERASURE_UNDONE. */
  assertKept(record: QuanjiRecord, paths: readonly string[]): void {
    const undone = paths.find((path) => isErasable(path) && this.#of(record, path) !== undefined);
    if (undone !== undefined) refuse("ERASURE_UNDONE", `${undone} is opened although a command erased it`);
  }

  #of(record: QuanjiRecord, field: Erasable): Erasure | undefined {
    const erasure = this.#erased.get(nameOf(record.face.log, record.face.index, field));
    return erasure !== undefined && isNamed(record, erasure.payload, erasure.named) ? erasure : undefined;
  }

  #count({ payload, facts }: Erasure, record: Access): void {
    if (!mayErase(record, facts)) refuse("ROLE_REQUIRED", "the signer may not erase anything of this record");
    const known = this.#used.get(facts.request);
    this.#used.set(facts.request, {
      command: facts.request,
      by: facts.signer,
      time: facts.time,
      basis: payload.basis,
      fields: (known?.fields ?? 0) + 1,
    });
  }
}

const nameOf = (log: string, index: number, field: string): string => `${log} ${index} ${field}`;
