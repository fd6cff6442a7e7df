/**
 * Whether an access is about whom it names. Tags are the requester's word; where the steward has lent this gateway its tag keys, the
 * word is compared with the persons that the query asks for and with those in the rows, before anything leaves.
 */
import { MAX_SUBJECTS, QuanjiError, type Subjects } from "@quanji/chaincode/domain";
import { type Condition, type Constant, constantsOf } from "./query.js";
import type { Field, Row } from "./row.js";

/** Tags of an identifier at the time of the record: two around the end of a quarter. */
export type TagsOf = (identifier: string) => readonly string[];

export class SubjectCheck {
  /** Field that tells of whom a row is. */
  readonly field: Field;
  readonly #subjects: Subjects;
  readonly #tagsOf: TagsOf;
  /** Identifiers that were found to be named; no more than persons are named, in every way of typing them. */
  readonly #named = new Set<string>();

  constructor(field: Field, subjects: Subjects, tagsOf: TagsOf) {
    this.field = field;
    this.#subjects = subjects;
    this.#tagsOf = tagsOf;
  }

  /** Whether rows are to be looked at: what is about persons in bulk names none. */
  get looksAtRows(): boolean {
    return this.#subjects !== "bulk";
  }

  /**
   * A query that asks for single persons names these and no others, and cannot call that bulk.
   * Errors: MALFORMED · SUBJECT_MISMATCH.
   */
  assertAsked(where: readonly Condition[]): void {
    const single = where.filter(({ field, op }) => field === this.field.name && (op === "eq" || op === "in"));
    const asked = new Set(single.flatMap(constantsOf).map((constant: Constant) => String(constant)));
    if (asked.size === 0) return;
    if (this.#subjects === "bulk") {
      if (asked.size <= MAX_SUBJECTS) throw mismatch("the query asks for single persons, and the access names none");
      return;
    }
    for (const identifier of asked) this.#assertNamed(identifier);
    const tags = new Set([...asked].flatMap((identifier) => this.#tagsOf(identifier)));
    if (this.#subjects.some((tag) => !tags.has(tag)))
      throw mismatch("the access names persons whom its query does not ask for");
  }

  /** Errors: MALFORMED · SUBJECT_MISMATCH. */
  assertRow(row: Row): void {
    if (!this.looksAtRows) return;
    const value = row[this.field.name];
    if (value === undefined || value === null) throw mismatch("a row does not say of whom it is");
    this.#assertNamed(String(value));
  }

  #assertNamed(identifier: string): void {
    if (this.#subjects === "bulk" || this.#named.has(identifier)) return;
    const { length } = this.#tagsOf(identifier).filter((tag) => this.#subjects.includes(tag));
    if (length === 0) throw mismatch("the data is about somebody whom the access does not name");
    this.#named.add(identifier);
  }
}

/** Says of nobody who it is. */
const mismatch = (message: string): QuanjiError =>
  new QuanjiError("MALFORMED", message, { field: "subjects", detail: "SUBJECT_MISMATCH" });
