/**
 * Erasure 删除: what a record's request committed to is forgotten, its salt and its value, by a command that names record and
 * field. The record itself always opens: its leaf, links and decision stand as they were, and every proof stays valid.
 */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import { LogOrigin, ResourceId, splitVersion, Uuid } from "./ids.js";
import type { QuanjiRecord } from "./record.js";
import { type CommandFacts, Committed, Net, setOf } from "./shared.js";

/**
 * What may be erased: that which an access commits to, and which may tell of persons. Links are no such thing: they hold a
 * position and a hash, and they carry the proof of all records before them.
 */
export const ERASABLE = ["operator", "query"] as const;
export type Erasable = (typeof ERASABLE)[number];

/** `retention`: the period for which it had to be kept is over; `request`: somebody whom it tells of asked; `order`: an authority did. */
export const ERASURE_BASES = ["retention", "request", "order"] as const;

/** One command reads and writes the batches of all records that it names. */
export const MAX_ERASED = 64;

const Erased = z.strictObject({ id: Uuid, index: z.int().min(0), fields: setOf(z.enum(ERASABLE), ERASABLE.length) });

/** On records of one resource in one log, in the order of their indexes. */
export const RecordErase = z.strictObject({
  ...Net,
  resource: ResourceId,
  log: LogOrigin,
  records: z
    .array(Erased)
    .min(1)
    .max(MAX_ERASED)
    .refine(
      (records) => records.every(({ index }, i) => i === 0 || index > (records[i - 1]?.index ?? 0)),
      "indexes rise",
    ),
  basis: z.enum(ERASURE_BASES),
  ground: Committed.optional(),
});
export type RecordErase = z.infer<typeof RecordErase>;

/** Whether the record of an access is the one that a command names. */
export const isNamed = (
  { type, face, body }: QuanjiRecord,
  { resource, log }: Pick<RecordErase, "resource" | "log">,
  { id, index }: { readonly id: string; readonly index: number },
): boolean =>
  type === "access" &&
  face.log === log &&
  face.index === index &&
  body.id === id &&
  splitVersion((body).resource).id === resource;

/** Who said it, who answers for the resource, and the regulator. */
export const mayErase = (
  { face }: Extract<QuanjiRecord, { readonly type: "access" }>,
  { signer, signerRoles }: Pick<CommandFacts, "signer" | "signerRoles">,
): boolean => signer === face.unit || signer === face.steward || signerRoles.includes("regulator");

/**
 * That a command may erase a field of that record. Errors: NOT_FOUND (no such access of the resource in the log, or none that
 * the signer may know of).
 */
export function assertErasable(
  record: QuanjiRecord | undefined,
  payload: Pick<RecordErase, "resource" | "log">,
  named: { readonly id: string; readonly index: number },
  facts: Pick<CommandFacts, "signer" | "signerRoles">,
): void {
  if (record?.type === "access" && isNamed(record, payload, named) && mayErase(record, facts)) return;
  throw new QuanjiError("NOT_FOUND", `there is no record ${named.index} here that you may erase anything of`, {
    field: "records",
  });
}
