/**
 * Record 存证: two canonical texts. The face is what a publication may show; the body is everything else.
 * leaf = SHA-256(0x00 ‖ SHA-256(face) ‖ SHA-256(body)).
 */
import { z } from "zod";
import { canonical, type Json, parseCanonical } from "../log/canonical.js";
import type { Hash } from "../log/hash.js";
import { leafOf } from "../log/record.js";
import { reader } from "./acceptor.js";
import { CODES, isCode } from "./codes.js";
import { QuanjiError } from "./errors.js";
import { ACTIONS } from "./grant.js";
import { CodeName, Digest, Kid, LogOrigin, PartyId, ResourceVersionId, Uuid } from "./ids.js";
import { Subjects, Tags } from "./subject.js";
import { Instant } from "./time.js";

const count = z.int().min(0);
/** 16 random bytes: without it a delivery could be guessed from its public leaf. */
const Nonce = z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/);
const GrantVersion = z.string().regex(/^[0-9a-f-]{36}@[1-9][0-9]{0,8}$/);

const faceCommon = {
  hour: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}Z$/),
  index: count,
  log: LogOrigin,
  unit: PartyId,
  v: z.literal("quanji.record.v1"),
};
const use = { class: CodeName, count, purpose: CodeName, steward: PartyId };

export const Face = z.discriminatedUnion("type", [
  z.strictObject({ ...faceCommon, ...use, type: z.literal("access"), decision: z.enum(["permit", "deny"]) }),
  z.strictObject({ ...faceCommon, ...use, type: z.literal("delivery") }),
  z.strictObject({ ...faceCommon, ...use, type: z.literal("acceptance") }),
  z.strictObject({ ...faceCommon, type: z.literal("void") }),
  z.strictObject({ ...faceCommon, class: CodeName, type: z.literal("tally") }),
]);
export type Face = z.infer<typeof Face>;
/** All that stand in a log. Indexes have a form of their own: index-record.ts. */
export type RecordType = Face["type"] | "index";

/** On how many commands of each chain the decision rests. `ancestors`: nearest first. */
export const Basis = z.strictObject({
  ancestors: z.array(count).min(1).max(8).optional(),
  boundary: count,
  grant: count.optional(),
  orders: count,
  party: count,
  resource: count,
});
export type Basis = z.infer<typeof Basis>;

const bodyCommon = { id: Uuid, nonce: Nonce, request: Digest, requester: Kid, time: Instant };
const useLinks = z.strictObject({ grant: Digest.optional(), party: Digest, resource: Digest });

export const AccessBody = z.strictObject({
  ...bodyCommon,
  action: z.enum(ACTIONS),
  basis: Basis,
  /** Only of a permit: the data leaves before this time or never. */
  deliverBefore: Instant.optional(),
  grant: GrantVersion.optional(),
  links: useLinks,
  obligations: z.array(z.string().regex(/^[ -~]{1,200}$/)).max(128),
  quantity: z.int().min(1),
  resource: ResourceVersionId,
  rule: z.string().refine((text) => text === "permit" || (isCode(text) && CODES[text].stage === "decide"), "a rule"),
  stop: Digest.optional(),
  /** As asked for; `bulk`: about persons or organisations, and none is named. Absent where the resource is about nobody. */
  subjects: Subjects.optional(),
  used: count,
});
export type AccessBody = z.infer<typeof AccessBody>;

/**
 * `delivered`: all of it. `partial`: some bytes left before it broke off; the quota stays used, or hanging up at the last row
 * would make data free. `failed`: nothing left. `unknown`: the gateway died between permit and account.
 */
export const OUTCOMES = ["delivered", "partial", "failed", "unknown"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const DeliveryBody = z.strictObject({
  ...bodyCommon,
  /** Index of the access in the same log. */
  access: count,
  bytes: count,
  /** SHA-256 of the bytes that left, after masking. */
  digest: Digest,
  grant: GrantVersion,
  links: useLinks,
  masked: z.array(z.string().regex(/^[ -~]{1,200}$/)).max(128),
  outcome: z.enum(OUTCOMES),
  resource: ResourceVersionId,
  rows: count,
  /** Tags of its access; absent where that has none. */
  subjects: Tags.optional(),
});
export type DeliveryBody = z.infer<typeof DeliveryBody>;

/**
 * The requester's signed word for a delivery. It says what the delivery says or is not recorded: who received something
 * else does not accept, and holds the gateway's signed account of what left.
 */
export const AcceptanceBody = z.strictObject({
  ...bodyCommon,
  /** Index of the access in the same log, and of its delivery. */
  access: count,
  /** `party`: by how many commands the party's keys stood when it signed. */
  basis: z.strictObject({ party: count }),
  delivery: count,
  digest: Digest,
  grant: GrantVersion,
  links: useLinks,
  resource: ResourceVersionId,
  rows: count,
  subjects: Tags.optional(),
});
export type AcceptanceBody = z.infer<typeof AcceptanceBody>;

export const VoidBody = z.strictObject({ ...bodyCommon, links: z.strictObject({ party: Digest }), seq: count });
export type VoidBody = z.infer<typeof VoidBody>;

/** The source's count: `served` of the accesses with `from` ≤ index < `to`. */
export const TallyBody = z.strictObject({
  ...bodyCommon,
  basis: z.strictObject({ party: count, resource: count }),
  from: count,
  links: z.strictObject({ resource: Digest }),
  resource: ResourceVersionId,
  served: count,
  to: count,
});
export type TallyBody = z.infer<typeof TallyBody>;

export type Body = AccessBody | DeliveryBody | AcceptanceBody | VoidBody | TallyBody;

/** A record and the bytes that its leaf was made of. */
export type QuanjiRecord =
  | { readonly type: "access"; readonly face: Extract<Face, { type: "access" }>; readonly body: AccessBody }
  | { readonly type: "delivery"; readonly face: Extract<Face, { type: "delivery" }>; readonly body: DeliveryBody }
  | { readonly type: "acceptance"; readonly face: Extract<Face, { type: "acceptance" }>; readonly body: AcceptanceBody }
  | { readonly type: "void"; readonly face: Extract<Face, { type: "void" }>; readonly body: VoidBody }
  | { readonly type: "tally"; readonly face: Extract<Face, { type: "tally" }>; readonly body: TallyBody };

/** Exact bytes of a record: what is hashed, stored and handed out. */
export interface RecordBytes {
  readonly face: string;
  readonly body: string;
}

/** "Record bytes": face and body, each on a line of its own. */
export const recordText = (bytes: RecordBytes): string => `${bytes.face}\n${bytes.body}`;

/** Errors: MALFORMED · NOT_CANONICAL. */
export function splitRecordText(text: string): RecordBytes {
  const [face, body, ...rest] = text.split("\n");
  if (face === undefined || body === undefined || rest.length > 0) {
    throw new QuanjiError("MALFORMED", "record bytes are two lines: face and body", { detail: "NOT_CANONICAL" });
  }
  return { face, body };
}

export const recordBytes = (record: QuanjiRecord): RecordBytes => ({
  face: canonical(record.face),
  body: canonical(record.body),
});

export const recordLeaf = (bytes: RecordBytes): Hash => leafOf(bytes.face, bytes.body);

/**
 * A record that this network's chaincode made and stored, and that is read back from there: form and fields are certain, so
 * they are not checked again. For bytes from anybody else: {@link parseRecord}.
 */
export function decodeRecord(bytes: RecordBytes): QuanjiRecord {
  const face = JSON.parse(bytes.face) as Face;
  return { type: face.type, face, body: JSON.parse(bytes.body) as Body } as QuanjiRecord;
}

const PRINTABLE = /^[ -~]*$/;

/** Printable as a whole and without escapes: so is then every string in it. */
const isPlain = (text: string): boolean => !text.includes("\\") && PRINTABLE.test(text);

function assertPrintable(value: Json): void {
  if (typeof value === "string" && !PRINTABLE.test(value)) {
    throw new QuanjiError("MALFORMED", "strings of a record are printable ASCII", { detail: "NOT_CANONICAL" });
  }
  if (typeof value === "object") Object.values(value).forEach(assertPrintable);
}

/**
 * Strict: canonical bytes, known version, known type, known fields, links as the type requires.
 * Errors: MALFORMED · NOT_CANONICAL, VERSION_UNKNOWN, TYPE_UNKNOWN, FIELD_UNKNOWN, NUMBER_FORBIDDEN, LINK_MISSING.
 */
export function parseRecord(bytes: RecordBytes): QuanjiRecord {
  const record = plainRecord(bytes) ?? foundRecord(bytes);
  const isUse = record.type !== "void" && record.type !== "tally";
  if (isUse && (record.body.grant === undefined) !== (record.body.links.grant === undefined)) {
    refuse("LINK_MISSING", "a record that names a grant has a link of that grant, and only then");
  }
  return record;
}

/** As nearly all are written. Undefined for all others, about which {@link foundRecord} speaks. */
function plainRecord(bytes: RecordBytes): QuanjiRecord | undefined {
  if (!PRINTABLE.test(bytes.face) || !PRINTABLE.test(bytes.body)) return undefined;
  const face = FACE.read(bytes.face);
  if (face === undefined) return undefined;
  const body = BODIES[face.type].read(bytes.body);
  return body === undefined ? undefined : ({ type: face.type, face, body } as QuanjiRecord);
}

function foundRecord(bytes: RecordBytes): QuanjiRecord {
  const faceJson = parseCanonical(bytes.face);
  const bodyJson = parseCanonical(bytes.body);
  if (!isPlain(bytes.face)) assertPrintable(faceJson);
  if (!isPlain(bytes.body)) assertPrintable(bodyJson);
  if (faceJson["v"] !== "quanji.record.v1") refuse("VERSION_UNKNOWN", "the record's version is not quanji.record.v1");
  const type = faceJson["type"];
  if (!isRecordType(type)) {
    return refuse("TYPE_UNKNOWN", "the record's type is not known to this version");
  }
  const face = checked(FACE, faceJson);
  return { type, face, body: checked(BODIES[type], bodyJson) } as QuanjiRecord;
}

interface Form<T> {
  readonly schema: z.ZodType<T>;
  /** From canonical text, in short, for there may be a million records. */
  readonly read: (text: string) => T | undefined;
}
const formOf = <T>(schema: z.ZodType<T>): Form<T> => ({ schema, read: reader(schema) });

const FACE: Form<Face> = formOf(Face);
const BODIES: Readonly<Record<Face["type"], Form<Body>>> = {
  acceptance: formOf<Body>(AcceptanceBody),
  access: formOf<Body>(AccessBody),
  delivery: formOf<Body>(DeliveryBody),
  tally: formOf<Body>(TallyBody),
  void: formOf<Body>(VoidBody),
};

const isRecordType = (type: Json | undefined): type is Face["type"] =>
  typeof type === "string" && Object.hasOwn(BODIES, type);

const refuse = (detail: string, message: string): never => {
  throw new QuanjiError("MALFORMED", message, { detail });
};

function checked<T>({ schema }: Form<T>, json: Json): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.join(".") ?? "";
  throw new QuanjiError("MALFORMED", "the record has a field that its type does not know, or a wrong value", {
    detail: "FIELD_UNKNOWN",
    field,
  });
}
