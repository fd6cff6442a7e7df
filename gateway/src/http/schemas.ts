/** What comes in beside the command itself (reads, queries) and what goes out. The API's description is made of these. */
import {
  ADJUSTMENTS,
  AttestationKind,
  type Code,
  CODES,
  CodeName,
  COMMANDS,
  Digest,
  Instant,
  isVerb,
  LogOrigin,
  Month,
  NetworkId,
  PartyId,
  Receipt,
  ResourceId,
  ResourceVersionId,
  Trust,
  Uuid,
  type Verb,
} from "@quanji/chaincode/domain";
import { z } from "zod";

const count = z.int().min(0);

/** Payload of every read. */
export const ReadPayload = z.strictObject({
  net: NetworkId,
  /** The answer waits until the read model has this block. */
  atLeast: z.strictObject({ block: count }).optional(),
});

export const NoQuery = z.strictObject({});
export const PageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]|[1-9][0-9]|100)$/, "a number from 1 to 100")
    .optional(),
  cursor: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[ -~]+$/, "the cursor of an earlier page")
    .optional(),
});
export const AttestationsQuery = z.strictObject({
  ...PageQuery.shape,
  subject: z.union([ResourceVersionId, ResourceId]).optional(),
});
export const OffersQuery = z.strictObject({ ...PageQuery.shape, resource: ResourceId.optional() });
export const SeqQuery = z.strictObject({ log: LogOrigin });
export const TrailQuery = z.strictObject({ from: Instant.optional(), to: Instant.optional() });

/** Flags are present or absent: one query has one spelling. */
const flag = z.literal("1").optional();
export const SubjectTrailQuery = z.strictObject({
  tags: z
    .string()
    .regex(/^20\d{2}Q[1-4]\.[A-Za-z0-9_-]{43}(,20\d{2}Q[1-4]\.[A-Za-z0-9_-]{43}){0,63}$/)
    .describe("Tags by quarter, in order: 2026Q3.<tag>,2026Q4.<tag>."),
  from: Instant.optional(),
  to: Instant.optional(),
  bulk: flag.describe("Also the uses of the steward's data that name nobody."),
  fresh: flag.describe("Index what is not indexed yet first: one record in each log."),
});
export const KeptQuery = z.strictObject({ ...PageQuery.shape, before: Instant.optional() });

export const Jws = z.strictObject({ payload: z.string(), protected: z.string(), signature: z.string() });

const statusCodes = Object.keys(CODES) as [Code, ...Code[]];

export const ProblemSchema = z.strictObject({
  type: z.string().describe("Reference to the code in /v1/codes."),
  title: z.string(),
  status: z.int().min(400).max(599),
  code: z.enum(statusCodes),
  detail: z.string().describe("One sentence about this case."),
  reason: z.string().optional().describe("A finer code or a short fact."),
  field: z.string().optional().describe("Path of the offending field."),
  now: Instant.optional().describe("The gateway's time, with COMMAND_STALE."),
});

/** Body of a denial: the problem, the rule that denied, and the receipt of the record that says so. */
export const DenialSchema = z.strictObject({ ...ProblemSchema.shape, rule: z.string(), receipt: Jws });

const position = { block: count, index: count, txId: z.string() };
export const CommandAnswerSchema = z.strictObject({ ...position, result: z.looseObject({}) });
export const KnownCommandSchema = z.strictObject({
  ...position,
  entry: z.string().describe("Exact bytes of the chain entry."),
  command: Jws,
  chains: z.array(z.strictObject({ scope: z.string(), kind: z.string(), id: z.string(), n: count })),
  openings: z.record(z.string(), z.looseObject({})).optional(),
});

const versioned = {
  version: count,
  n: count,
  at: z.strictObject({ time: Instant, tx: z.string() }),
};
export const PartySchema = z.looseObject({
  v: z.literal("quanji.party.v1"),
  id: PartyId,
  state: z.enum(["pending", "active", "suspended"]),
  ...versioned,
});
export const ResourceSchema = z.looseObject({
  v: z.literal("quanji.resource.v1"),
  id: ResourceId,
  state: z.enum(["registered", "suspended"]),
  title: z.string(),
  class: CodeName,
  steward: PartyId,
  servedBy: z.string(),
  logs: z.array(LogOrigin),
  ...versioned,
});
export const GrantSchema = z.looseObject({
  v: z.literal("quanji.grant.v1"),
  id: z.string(),
  state: z.enum(["pending", "active", "suspended", "revoked", "refused", "withdrawn"]),
  resource: z.string(),
  grantor: PartyId,
  grantee: PartyId,
  ...versioned,
});
export const AttestationSchema = z.looseObject({
  v: z.literal("quanji.attestation.v1"),
  id: z.string(),
  state: z.enum(["valid", "failed", "withdrawn"]),
  kind: AttestationKind,
  subject: z.string(),
  issuer: PartyId,
  ...versioned,
});
export const CapsSchema = z.looseObject({
  v: z.literal("quanji.cap.v1"),
  id: ResourceId,
  versions: z.array(z.looseObject({ version: count, amount: z.string(), by: PartyId })),
  ...versioned,
});
export const OfferSchema = z.looseObject({
  v: z.literal("quanji.offer.v1"),
  id: z.string(),
  state: z.enum(["listed", "delisted"]),
  resource: z.string(),
  seller: PartyId,
  tariffs: z.array(z.looseObject({ version: count })),
  ...versioned,
});
export const ContractSchema = z.looseObject({
  v: z.literal("quanji.contract.v1"),
  id: z.string(),
  state: z.enum(["draft", "active", "terminated"]),
  versions: z.array(z.looseObject({ version: count })),
  ...versioned,
});
export const DerivedSchema = z.strictObject({
  items: z.array(
    z.strictObject({
      resource: ResourceId,
      title: z.string(),
      steward: PartyId,
      parents: z.array(z.string()).describe("What its newest version was made from: id@version."),
      users: z
        .array(z.strictObject({ grantee: PartyId, grant: z.string(), state: z.string() }))
        .optional()
        .describe("Who holds, or held, a grant on it. Absent where another organisation serves it: ask there."),
    }),
  ),
});
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next: z.string().optional() });

const amount = z.string();
const portions = z.array(z.strictObject({ party: PartyId, amount }));
/** A payee sees totals and its own portions: no line, and no other party's money. */
export const StatementSchema = z.looseObject({
  v: z.literal("quanji.statement.v1"),
  contract: z.string(),
  period: Month,
  currency: z.string(),
  amount: amount.describe("Total of the lines, in minor units."),
  portions,
  adjustments: z.array(
    z.looseObject({
      id: z.string(),
      kind: z
        .enum(ADJUSTMENTS)
        .describe(
          "withdraw: deliveries taken back. release: held ones, billed. dismiss: a dispute that changes nothing. assign: what waited in suspense, by other months' weights; its amount is 0.",
        ),
      amount,
      portions,
    }),
  ),
  closed: z.strictObject({ time: Instant, tx: z.string() }),
  posted: z.looseObject({}).optional().describe("What it did to books and allowance."),
});
export const BooksSchema = z.looseObject({
  period: Month,
  currency: z.string(),
  state: z.enum(["open", "closed"]),
  accounts: z
    .array(z.strictObject({ party: PartyId, balance: amount }))
    .describe("Not at 0. Positive: the party is owed; negative: it owes. A party sees its own alone."),
});
export const AllowancesSchema = z.strictObject({
  offer: z.string(),
  months: z.array(z.strictObject({ period: Month, allowed: amount.optional(), revenue: amount, carried: amount })),
});
export const DocumentSchema = z.looseObject({
  v: z.literal("quanji.document.v1"),
  kind: z.enum(["invoice", "creditNote", "certificate", "voucher", "disclosure"]),
  state: z.enum(["issued", "credited", "settled", "valid", "revoked"]),
  digest: Digest,
  issuer: PartyId,
});
export const StatementsQuery = z.strictObject({ contract: Uuid, ...PageQuery.shape });
export const ContractTrailQuery = z.strictObject({ period: Month });
export const DisclosureTrailQuery = z.strictObject({ year: z.string().regex(/^[2-9][0-9]{3}$/) });

export const ReceiptsSchema = z.strictObject({ access: Jws, delivery: Jws.optional(), acceptance: Jws.optional() });
export const KeptSchema = z.strictObject({
  log: LogOrigin,
  index: count,
  id: z.string(),
  time: Instant,
  fields: z.array(z.string()).describe("What is kept of it. Values are in the regulator's evidence alone."),
});
export const SeqSchema = z.strictObject({
  log: LogOrigin,
  next: count.describe("The number to sign next."),
  window: z.string().describe("Which of the 1,024 numbers below next were used: bit seq mod 1024, base64url."),
});

export const NetworkSchema = z.looseObject({
  net: NetworkId,
  timeZone: z.string(),
  testClock: z.boolean(),
  gateway: z.string().describe("Name of the gateway that answers."),
  gateways: z.array(z.looseObject({ name: z.string(), msp: z.string(), publicUrl: z.string(), kid: z.string() })),
  logs: z.array(z.looseObject({ origin: LogOrigin, gateway: z.string(), msp: z.string(), vkey: z.string() })),
  height: count,
  now: Instant,
});
export const HeightSchema = z.strictObject({ height: count });
export const ReadySchema = z.strictObject({
  ready: z.boolean(),
  checkpoint: z.enum(["fresh", "failing", "none"]),
  readModel: z.strictObject({ height: count, lag: count }),
});
export const DeliveryAccount = z.strictObject({
  request: Digest,
  digest: Digest,
  bytes: count,
  rows: count,
  outcome: z.enum(["delivered", "partial", "failed"]),
  code: z.enum(statusCodes).optional(),
});
export const AccessLine = z.discriminatedUnion("t", [
  z.strictObject({ t: z.literal("receipt"), receipt: Jws }),
  z.strictObject({ t: z.literal("data"), b: z.string().describe("Bytes in base64.") }),
  z.strictObject({ t: z.literal("end"), delivery: Jws.describe("Payload: DeliveryAccount.") }),
]);

const EVIDENCE: Readonly<Record<string, z.ZodType>> = {
  receipt: Receipt,
  trust: Trust,
  problem: ProblemSchema,
  denial: DenialSchema,
  read: ReadPayload,
  delivery: DeliveryAccount,
};

export const SCHEMA_NAMES: readonly string[] = [...Object.keys(COMMANDS), ...Object.keys(EVIDENCE)];

/** Schema of a command's payload or of a piece of evidence. Undefined for a name that is not in {@link SCHEMA_NAMES}. */
export function schemaNamed(name: string): z.ZodType | undefined {
  if (isVerb(name)) return payloadSchema(name);
  return Object.hasOwn(EVIDENCE, name) ? EVIDENCE[name] : undefined;
}

export const payloadSchema = (verb: Verb): z.ZodType => COMMANDS[verb].schema;
