/** Resource 数据资源: what is registered, who answers for it, who holds the three rights in it. Metadata after DCAT 3. */
import { z } from "zod";
import { QuanjiError } from "./errors.js";
import { gradeRank, GRADES } from "./grade.js";
import {
  CodeName,
  Digest,
  FieldName,
  LogOrigin,
  Msp,
  PartyId,
  ResourceId,
  ResourceVersionId,
  Title,
  Uuid,
} from "./ids.js";
import {
  changed,
  type CommandFacts,
  Committed,
  defined,
  existing,
  Net,
  setOf,
  type Transition,
  transitionFor,
  type Versioned,
} from "./shared.js";
import { Instant } from "./time.js";

export const RIGHTS = ["holding", "processing", "operating"] as const;
export type RightKind = (typeof RIGHTS)[number];

export const FIELD_TYPES = ["string", "number", "integer", "boolean", "date", "datetime"] as const;

const Field = z.strictObject({ name: FieldName, type: z.enum(FIELD_TYPES), grade: z.enum(GRADES) });
const Right = z.strictObject({
  kind: z.enum(RIGHTS),
  holder: PartyId,
  from: Instant.optional(),
  until: Instant.optional(),
  basis: Title,
});
const Parent = z.strictObject({ resource: ResourceVersionId, grant: Uuid });
/** Stages one after the other; the parties of one stage decide in parallel. */
export const Route = z.array(setOf(PartyId, 8)).min(1).max(8);

const metadata = {
  title: Title,
  class: CodeName,
  /** Element classes for which this resource is the authoritative source (一数一源). */
  sourceOf: setOf(CodeName, 32).optional(),
  grade: z.strictObject({ standard: z.literal("GB/T 43697-2024"), level: z.enum(GRADES) }),
  tags: setOf(CodeName, 16, 0).optional(),
  /** 无条件共享, 有条件共享, 不予共享. */
  sharing: z.enum(["open", "conditional", "none"]),
  subjectKind: z.enum(["none", "person", "organisation"]),
  basis: z.strictObject({ law: Title, article: Title.optional(), duty: Title }).optional(),
  /** Commitment to {name, title} of who answers for the data. */
  responsibleHead: Committed.optional(),
  fields: z
    .array(Field)
    .min(1)
    .max(128)
    .refine((fields) => new Set(fields.map((field) => field.name)).size === fields.length, "two fields have one name"),
  rangeField: FieldName.optional(),
  updateCycle: z.enum(["PT1H", "P1D", "P7D", "P1M", "P1Y", "irregular"]).optional(),
  schemaHash: Digest.optional(),
  contentDigest: Digest.optional(),
  lineage: z.array(Parent).min(1).max(16).optional(),
  originDeclaration: Title.optional(),
  /** Of exactly this version. A de-identification lets its grade be lower than its parents'. */
  attestations: setOf(Uuid, 16).optional(),
  rights: z.array(Right).min(1).max(16),
  /** Who must approve a grant, in which order. Default: the grantor alone. */
  route: Route.optional(),
  validUntil: Instant.optional(),
};

export const ResourceRegister = z.strictObject({
  ...Net,
  resource: ResourceId,
  kind: z.enum(["dataset", "service", "product", "output"]),
  steward: PartyId,
  servedBy: Msp,
  logs: setOf(LogOrigin, 8),
  ...metadata,
});
/** A new version states everything anew; kind, steward, service and logs stay. */
export const ResourceAmend = z.strictObject({ ...Net, resource: ResourceId, version: z.int().min(1), ...metadata });
export const ResourceSuspend = z.strictObject({ ...Net, resource: ResourceId, ground: Committed.optional() });
export const ResourceResume = z.strictObject({ ...Net, resource: ResourceId });

export type ResourceState = "registered" | "suspended";

type Register = z.infer<typeof ResourceRegister>;
type Metadata = Omit<z.infer<typeof ResourceAmend>, "net" | "resource" | "version">;

export interface Resource extends Versioned, Readonly<Metadata> {
  readonly v: "quanji.resource.v1";
  readonly id: string;
  readonly state: ResourceState;
  readonly kind: Register["kind"];
  readonly steward: string;
  /** The one organisation that serves it, and in whose private collection every grant on it lives. */
  readonly servedBy: string;
  readonly logs: readonly string[];
}

export type ResourceVerb = "resource.register" | "resource.amend" | "resource.suspend" | "resource.resume";

export const RESOURCE_MACHINE: readonly Transition<ResourceState, ResourceVerb>[] = [
  { verb: "resource.register", from: [undefined], to: "registered", who: "the steward, or a registrar for it" },
  { verb: "resource.amend", from: ["registered"], to: "registered", who: "the steward" },
  { verb: "resource.suspend", from: ["registered"], to: "suspended", who: "the steward or the regulator" },
  { verb: "resource.resume", from: ["suspended"], to: "registered", who: "the steward or the regulator" },
];

export type ResourceCommand =
  | { readonly verb: "resource.register"; readonly payload: Register }
  | { readonly verb: "resource.amend"; readonly payload: z.infer<typeof ResourceAmend> }
  | { readonly verb: "resource.suspend"; readonly payload: z.infer<typeof ResourceSuspend> }
  | { readonly verb: "resource.resume"; readonly payload: z.infer<typeof ResourceResume> };

/** The resource after a command. Errors: STATE_CONFLICT, BASIS_MISSING, LINEAGE_MISSING, GRADE_TOO_LOW, MALFORMED. */
export function applyResource(resource: Resource | undefined, command: ResourceCommand, facts: CommandFacts): Resource {
  const { to } = transitionFor(RESOURCE_MACHINE, command.verb, resource?.state);
  if (command.verb === "resource.register") return register(command.payload, facts);
  const before = existing(resource, command.verb);
  const next = { ...before, state: to ?? before.state, n: before.n + 1, at: changed(facts) };
  if (command.verb !== "resource.amend") return next;
  const { net: _net, resource: _id, version, ...fresh } = command.payload;
  if (version !== before.version + 1) {
    throw new QuanjiError("STATE_CONFLICT", `the next version is ${before.version + 1}`, { field: "version" });
  }
  checkMetadata(before.kind, fresh);
  const { v, id, state, kind, steward, servedBy, logs } = next;
  return defined({
    v,
    id,
    state,
    kind,
    steward,
    servedBy,
    logs,
    ...fresh,
    version,
    n: next.n,
    at: next.at,
  });
}

function register(payload: Register, facts: CommandFacts): Resource {
  const { net: _net, resource: id, ...rest } = payload;
  checkMetadata(payload.kind, rest);
  return defined({
    ...rest,
    v: "quanji.resource.v1" as const,
    id,
    state: "registered" as const,
    version: 1,
    n: 1,
    at: changed(facts),
  });
}

/** What can be judged from the resource alone. */
function checkMetadata(kind: Register["kind"], data: Metadata): void {
  if (data.basis === undefined || data.responsibleHead === undefined) {
    throw new QuanjiError("BASIS_MISSING", "a resource states its legal basis and who answers for it", {
      field: data.basis === undefined ? "basis" : "responsibleHead",
    });
  }
  if ((kind === "product" || kind === "output") && data.lineage === undefined && data.originDeclaration === undefined) {
    throw new QuanjiError("LINEAGE_MISSING", "a product or output names its parents, or declares its origin", {
      field: "lineage",
    });
  }
  if (data.rangeField !== undefined && !data.fields.some((field) => field.name === data.rangeField)) {
    throw new QuanjiError("MALFORMED", "rangeField is not one of the fields", { field: "rangeField" });
  }
  const top = Math.max(...data.fields.map((field) => gradeRank(field.grade)));
  if (gradeRank(data.grade.level) < top) {
    throw new QuanjiError("GRADE_TOO_LOW", "the grade is lower than that of one of its fields", { field: "grade" });
  }
}

export const holds = (resource: Resource, kind: RightKind, party: string, timeMs: number): boolean =>
  resource.rights.some(
    (right) =>
      right.kind === kind &&
      right.holder === party &&
      (right.from === undefined || Date.parse(right.from) <= timeMs) &&
      (right.until === undefined || timeMs < Date.parse(right.until)),
  );

export const versionedId = (object: { readonly id: string; readonly version: number }): string =>
  `${object.id}@${object.version}`;
