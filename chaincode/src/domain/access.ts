/** Access 调用: one signed request to use a resource. */
import { z } from "zod";
import { reader } from "./acceptor.js";
import { ACTIONS, ENVIRONMENTS } from "./grant.js";
import { CodeName, Digest, FieldName, Jurisdiction, LogOrigin, ResourceId, Uuid } from "./ids.js";
import { Committed, Net, setOf } from "./shared.js";
import { Tags } from "./subject.js";
import { DayOrInstant } from "./time.js";

export const AccessRequest = z.strictObject({
  ...Net,
  log: LogOrigin,
  /** Dense per (key, log), from 0: a gap shows an access that was not recorded. */
  seq: z.int().min(0),
  resource: ResourceId,
  /** Absent: recorded as GRANT_MISSING, unless an earlier rule denies. */
  grant: Uuid.optional(),
  action: z.enum(ACTIONS),
  purpose: CodeName,
  fields: setOf(FieldName, 128),
  range: z.strictObject({ from: DayOrInstant, to: DayOrInstant }).optional(),
  environment: z.strictObject({ kind: z.enum(ENVIRONMENTS), jurisdiction: Jurisdiction }),
  /** Commitment to who or what in the requester's house acts. */
  operator: Committed,
  /** Commitment to the query. */
  query: Committed.optional(),
  /** Tags of the persons or organisations that it is about, as their data's steward told the requester. Absent: a bulk use. */
  subjects: Tags.optional(),
  mode: z.literal("normal"),
  /** Upper bound of the rows that may come: what a quota by row counts. */
  quantity: z.int().min(1).max(10_000_000),
  /** The request that this one repeats, because its data did not arrive. */
  retryOf: Digest.optional(),
  /** The gateway answers once its read model has reached this block. */
  atLeast: z.strictObject({ block: z.int().min(0) }).optional(),
});
export type AccessRequest = z.infer<typeof AccessRequest>;
/** From its canonical text, for a million of them; undefined for anything else, which the schema names. */
export const readAccessRequest = reader(AccessRequest);

/** Marks a sequence number as never used: the trail has no gap then. */
export const AccessVoid = z.strictObject({ ...Net, log: LogOrigin, seq: z.int().min(0) });
export type AccessVoid = z.infer<typeof AccessVoid>;

/** The requester's word for what arrived: `record` is the index of its access, `digest` and `rows` those of the data. */
export const AccessAccept = z.strictObject({
  ...Net,
  log: LogOrigin,
  record: z.int().min(0),
  digest: Digest,
  rows: z.int().min(0),
  /** As the delivery says: whom it was about, countersigned. */
  subjects: Tags.optional(),
});
export type AccessAccept = z.infer<typeof AccessAccept>;
