/**
 * Erasure 删除: what a record's request committed to is forgotten, its salt and its value, by a command that names record and
 * field. The record itself always opens: its leaf, links and decision stand as they were, and every proof stays valid.
 *
 * Seal 密封: for a time the law hides whole records, of an inspection say, from those who could see them. They are counted as
 * ever, by two hashes, and shown again when the order ends.
 */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import { Digest, LogOrigin, ResourceId, splitVersion, Title, Uuid } from "./ids.js";
import type { QuanjiRecord } from "./record.js";
import { type CommandFacts, Committed, Net, setOf } from "./shared.js";
import { Instant, msOf } from "./time.js";

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
  splitVersion(body.resource).id === resource;

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

/** One order reads the batches of all records that it names. */
export const MAX_SEALED = 64;
/** Nothing is hidden for longer: two years. A longer need is a new order, which is seen. */
export const MAX_SEAL_MS = 731 * 86_400_000;

const Sealed = z.strictObject({ index: z.int().min(0), leaf: Digest });

/** Records of one resource in one log, by their leaves, in the order of their indexes. */
export const RecordSeal = z.strictObject({
  ...Net,
  resource: ResourceId,
  log: LogOrigin,
  order: Uuid,
  /** Who decided so: a court, an inspectorate. Shown in every verdict that counts a record under it. */
  authority: Title,
  /** Instant at which the records are shown again. */
  until: Instant,
  ground: Committed,
  records: z
    .array(Sealed)
    .min(1)
    .max(MAX_SEALED)
    .refine(
      (records) => records.every(({ index }, i) => i === 0 || index > (records[i - 1]?.index ?? 0)),
      "indexes rise",
    ),
});
export type RecordSeal = z.infer<typeof RecordSeal>;

/** Ends an order before its time. */
export const RecordUnseal = z.strictObject({ ...Net, resource: ResourceId, order: Uuid, ground: Committed });
export type RecordUnseal = z.infer<typeof RecordUnseal>;

/** An order as the ledger keeps it. */
export interface Seal {
  readonly resource: string;
  readonly until: string;
  readonly lifted?: string;
}

export type SealCommand =
  | { readonly verb: "record.seal"; readonly payload: RecordSeal }
  | { readonly verb: "record.unseal"; readonly payload: RecordUnseal };

/** The order after a command. Errors: ROLE_REQUIRED; STATE_CONFLICT; MALFORMED: `until` is past, or too far. */
export function applySeal(before: Seal | undefined, command: SealCommand, facts: CommandFacts): Seal {
  if (!facts.signerRoles.includes("regulator")) {
    throw new QuanjiError("ROLE_REQUIRED", "only the regulator seals records, and shows them again");
  }
  if (command.verb === "record.seal") {
    if (before !== undefined)
      throw new QuanjiError("STATE_CONFLICT", "an order with that id exists", { field: "order" });
    const { resource, until } = command.payload;
    const ms = msOf(until) - facts.timeMs;
    if (ms <= 0 || ms > MAX_SEAL_MS) {
      throw new QuanjiError("MALFORMED", "until lies ahead, by two years at most", { field: "until" });
    }
    return { resource, until };
  }
  if (
    before?.resource !== command.payload.resource ||
    before.lifted !== undefined ||
    msOf(before.until) <= facts.timeMs
  ) {
    throw new QuanjiError("STATE_CONFLICT", "no order with that id is in force for the resource", { field: "order" });
  }
  return { ...before, lifted: facts.time };
}

/**
 * That an order may name these records. Errors: NOT_FOUND (no access, delivery or acceptance of the resource in the log with that
 * leaf); STATE_CONFLICT: what belongs to an access is sealed with it, or it would tell what the order hides.
 */
export function assertSealable(
  records: readonly { readonly record: QuanjiRecord | undefined; readonly leaf: string }[],
  { resource, log, records: named }: RecordSeal,
): void {
  const indexes = new Set(named.map(({ index }) => index));
  for (const [i, { record, leaf }] of records.entries()) {
    const { index = 0, leaf: asked } = named[i] ?? {};
    const isOf =
      record !== undefined &&
      record.type !== "void" &&
      record.type !== "tally" &&
      record.face.log === log &&
      record.face.index === index &&
      splitVersion(record.body.resource).id === resource;
    if (!isOf || leaf !== asked) {
      throw new QuanjiError("NOT_FOUND", `there is no record ${index} with that leaf here`, { field: "records" });
    }
    if (record.type !== "access" && !indexes.has(record.body.access)) {
      throw new QuanjiError(
        "STATE_CONFLICT",
        `record ${index} is sealed with its access, record ${record.body.access}`,
        {
          field: "records",
        },
      );
    }
  }
}
