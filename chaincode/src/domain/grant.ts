/** Grant 授权: who may do what with which resource, for which purpose, within which limits, under which duties. */
import { z } from "zod";
import { canonical } from "../log/canonical.js";
import { sha256Text } from "../log/hash.js";
import { assertAllotted, Shares } from "./allotment.js";
import { QuanjiError } from "./errors.js";
import {
  CodeName,
  Digest,
  FieldName,
  Jurisdiction,
  LogOrigin,
  PartyId,
  ResourceVersionId,
  Title,
  Uuid,
} from "./ids.js";
import { type RightKind, RIGHTS, Route } from "./resource.js";
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
import { DayOrInstant, Instant, msOf, PERIODS } from "./time.js";

export const ACTIONS = ["query", "verify", "compute", "derive", "export", "subgrant"] as const;
export const ENVIRONMENTS = ["api", "sandbox", "tee", "federated", "bonded"] as const;

/** `drop` removes the field, `mask` keeps `arg` = "prefix,suffix" characters, `round` rounds to steps of `arg`. */
export const Obligation = z.strictObject({
  op: z.enum(["drop", "mask", "round"]),
  field: FieldName,
  arg: z
    .string()
    .regex(/^[0-9.,]{1,32}$/)
    .optional(),
});
export type Obligation = z.infer<typeof Obligation>;

/** As written in records: `op:field[:arg]`. */
export const obligationText = ({ op, field, arg }: Obligation): string =>
  arg === undefined ? `${op}:${field}` : `${op}:${field}:${arg}`;

const Quota = z.strictObject({
  /** `call`: one each access. `row`: the access's `quantity`, an upper bound of the rows that it may bring. */
  unit: z.enum(["call", "row"]),
  n: z.int().min(1),
  per: z.enum(PERIODS),
  /** Shares by log; they sum to at most n. Default: all of it in the grant's first log. */
  allotted: Shares.optional(),
});

/** Of what is made with the action `derive`. */
const Derivative = z.strictObject({
  /** It names this grant among its parents. */
  lineage: z.literal("required"),
  /** Who holds the operating right in it. */
  operating: PartyId,
  /** It stays usable when this grant ends; no further version can then rest on the grant. */
  survives: z.literal(true, "true: that a product's uses end with the grant is not enforced"),
});

/** Terms: everything here is enforced; a term that is not known here is refused, for nobody would enforce it. */
export const Terms = z.strictObject({
  actions: setOf(z.enum(ACTIONS), ACTIONS.length),
  purposes: setOf(CodeName, 64),
  fields: setOf(FieldName, 128),
  dataRange: z
    .union([
      z.strictObject({ from: DayOrInstant, to: DayOrInstant }),
      z.strictObject({ months: z.int().min(1).max(1200) }),
    ])
    .optional(),
  window: z.strictObject({ from: Instant, until: Instant }),
  environments: setOf(z.enum(ENVIRONMENTS), ENVIRONMENTS.length),
  jurisdictions: setOf(Jurisdiction, 64),
  lawfulBasis: Title,
  quota: Quota.optional(),
  /** At most n accesses in each fixed window of `seconds`; over several logs it is divided evenly. */
  rate: z.strictObject({ n: z.int().min(1), seconds: z.int().min(1).max(86_400) }).optional(),
  obligations: z.array(Obligation).max(128).optional(),
  derivative: Derivative.optional(),
  /** What a stream does that runs when the grant is stopped. */
  onStop: z.enum(["stop", "complete"]),
});
export type Terms = z.infer<typeof Terms>;

const MAX_DEPTH = 8;
const common = {
  ...Net,
  grant: Uuid,
  resource: ResourceVersionId,
  /** How many generations of sub-grants may follow. */
  depth: z.int().min(0).max(MAX_DEPTH),
  logs: setOf(LogOrigin, 8),
  terms: Terms,
};

export const GrantRequest = z.strictObject({
  ...common,
  grantor: PartyId,
  right: z.enum(RIGHTS),
  /** The stages as the resource asks for them: the applicant signs what must be decided, and by whom. */
  route: Route,
});
export const GrantOffer = z.strictObject({
  ...common,
  grantee: PartyId,
  right: z.enum(RIGHTS),
  route: Route,
});
export const GrantDerive = z.strictObject({
  ...common,
  grantee: PartyId,
  /** Parent, its parent, … the root: nearest first. */
  ancestors: setOf(Uuid, MAX_DEPTH),
});
export const GrantAccept = z.strictObject({ ...Net, grant: Uuid });
export const GrantApprove = z.strictObject({ ...Net, grant: Uuid });
export const GrantRefuse = z.strictObject({ ...Net, grant: Uuid, ground: Committed.optional() });
export const GrantWithdraw = z.strictObject({ ...Net, grant: Uuid });
/** Names the grant by its digest: the command becomes public in `stop/<digest>`. `epoch` prevents replay. */
export const GrantStop = z.strictObject({
  ...Net,
  target: Digest,
  epoch: z.int().min(1),
  ground: Committed.optional(),
});
export const GrantResume = z.strictObject({ ...Net, grant: Uuid, epoch: z.int().min(1) });
/** All shares anew: a log that is not named has none from then on. */
export const GrantAllot = z.strictObject({ ...Net, grant: Uuid, allotted: Shares });

/** Public name of a grant, from which its id cannot be guessed. */
export const stopDigest = (grant: string): string => sha256Text(canonical(["stop", grant]));
/** Lets the stopping peer, which cannot read the grant, check that the signer is the grantor. */
export const grantorDigest = (grant: string, grantor: string): string =>
  sha256Text(canonical(["grantor", grant, grantor]));

export type GrantState = "pending" | "active" | "suspended" | "revoked" | "refused" | "withdrawn";

export interface Step {
  readonly stage: number;
  readonly party: string;
  readonly kind: "approve" | "accept";
  readonly decided?: { readonly decision: "approved" | "refused"; readonly time: string; readonly request: string };
}

export interface Grant extends Versioned {
  readonly v: "quanji.grant.v1";
  readonly id: string;
  readonly state: GrantState;
  /** `<id>@<version>` of the resource when the grant was signed; uses follow the resource's newest version. */
  readonly resource: string;
  readonly grantor: string;
  readonly grantee: string;
  /** Which right of the grantor it rests on; a sub-grant rests on its parent. */
  readonly right?: RightKind;
  readonly ancestors: readonly string[];
  readonly depth: number;
  readonly logs: readonly string[];
  readonly terms: Terms;
  readonly steps: readonly Step[];
  /** Raised by each resume, so that an old stop cannot be played again. */
  readonly epoch: number;
  readonly stoppedBy?: string;
  /** The grantor suspended it too, while the regulator's suspension stood: it stays suspended when that one ends. */
  readonly alsoStoppedBy?: string;
}

export type GrantVerb =
  | "grant.request"
  | "grant.offer"
  | "grant.derive"
  | "grant.accept"
  | "grant.approve"
  | "grant.refuse"
  | "grant.withdraw"
  | "grant.suspend"
  | "grant.resume"
  | "grant.revoke"
  | "grant.allot";

export const GRANT_MACHINE: readonly Transition<GrantState, GrantVerb>[] = [
  { verb: "grant.request", from: [undefined], to: "pending", who: "the future grantee" },
  { verb: "grant.offer", from: [undefined], to: "pending", who: "the holder of the right" },
  { verb: "grant.derive", from: [undefined], to: "active", who: "the grantee of a grant with subgrant" },
  { verb: "grant.accept", from: ["pending"], to: undefined, who: "the grantee to whom it was offered" },
  { verb: "grant.approve", from: ["pending"], to: undefined, who: "the party of an open step" },
  { verb: "grant.refuse", from: ["pending"], to: "refused", who: "the party of an open step" },
  { verb: "grant.withdraw", from: ["pending"], to: "withdrawn", who: "the applicant" },
  { verb: "grant.suspend", from: ["active"], to: "suspended", who: "the grantor or the regulator" },
  // Active, unless the grantor has suspended it as well.
  { verb: "grant.resume", from: ["suspended"], to: undefined, who: "who suspended it" },
  {
    verb: "grant.revoke",
    from: ["pending", "active", "suspended"],
    to: "revoked",
    who: "the grantor or the regulator",
  },
  { verb: "grant.allot", from: ["active"], to: "active", who: "the grantor" },
  // A stop stands in a key of its own before it is folded: one that was overtaken is kept, and outlasts a suspension's end.
  { verb: "grant.suspend", from: ["suspended"], to: "suspended", who: "the grantor whom the regulator overtook" },
  { verb: "grant.suspend", from: ["revoked"], to: "revoked", who: "the grantor whom the regulator overtook" },
  { verb: "grant.revoke", from: ["revoked"], to: "revoked", who: "the grantor whom the regulator overtook" },
];

type Stop = z.infer<typeof GrantStop>;

export type GrantCommand =
  | { readonly verb: "grant.request"; readonly payload: z.infer<typeof GrantRequest> }
  | { readonly verb: "grant.offer"; readonly payload: z.infer<typeof GrantOffer> }
  | { readonly verb: "grant.derive"; readonly payload: z.infer<typeof GrantDerive> }
  | { readonly verb: "grant.accept"; readonly payload: z.infer<typeof GrantAccept> }
  | { readonly verb: "grant.approve"; readonly payload: z.infer<typeof GrantApprove> }
  | { readonly verb: "grant.refuse"; readonly payload: z.infer<typeof GrantRefuse> }
  | { readonly verb: "grant.withdraw"; readonly payload: z.infer<typeof GrantWithdraw> }
  | { readonly verb: "grant.resume"; readonly payload: z.infer<typeof GrantResume> }
  | { readonly verb: "grant.allot"; readonly payload: z.infer<typeof GrantAllot> }
  | { readonly verb: "grant.suspend"; readonly payload: Stop }
  | { readonly verb: "grant.revoke"; readonly payload: Stop };

/**
 * The grant after a command, from the grant alone: so a trail's reader replays it without any other object. What depends on
 * others (the right, the lists, the parent, who is regulator) the contract has checked before.
 * Errors: STATE_CONFLICT, ROLE_REQUIRED, CONFLICT_OF_INTEREST, MALFORMED, BACKDATED.
 */
export function applyGrant(grant: Grant | undefined, command: GrantCommand, facts: CommandFacts): Grant {
  const { to } = transitionFor(GRANT_MACHINE, command.verb, grant?.state);
  switch (command.verb) {
    case "grant.request":
    case "grant.offer":
    case "grant.derive":
      return create(command, facts);
    case "grant.accept":
      return decideStep(existing(grant, command.verb), "accept", "approved", facts);
    case "grant.approve":
      return decideStep(existing(grant, command.verb), "approve", "approved", facts);
    case "grant.refuse":
      return decideStep(existing(grant, command.verb), "approve", "refused", facts);
    case "grant.withdraw":
      return withdraw(existing(grant, command.verb), facts);
    case "grant.suspend":
    case "grant.revoke":
      return stop(existing(grant, command.verb), command.payload, to ?? "revoked", facts);
    case "grant.resume":
      return resume(existing(grant, command.verb), command.payload.epoch, facts);
    case "grant.allot":
      return allot(existing(grant, command.verb), command.payload.allotted, facts);
  }
}

type Creation = Extract<GrantCommand, { readonly verb: "grant.request" | "grant.offer" | "grant.derive" }>;

function create(command: Creation, facts: CommandFacts): Grant {
  const { payload } = command;
  checkTerms(payload.terms, payload.logs, facts);
  const grantor = command.verb === "grant.request" ? command.payload.grantor : facts.signer;
  const grantee = command.verb === "grant.request" ? facts.signer : command.payload.grantee;
  if (grantor === grantee) {
    throw new QuanjiError("CONFLICT_OF_INTEREST", "nobody grants to itself", { field: "grantee" });
  }
  const steps = stepsOf(command, grantor, grantee, facts);
  return defined({
    v: "quanji.grant.v1" as const,
    id: payload.grant,
    state: steps.every((step) => step.decided !== undefined) ? ("active" as const) : ("pending" as const),
    resource: payload.resource,
    grantor,
    grantee,
    right: command.verb === "grant.derive" ? undefined : command.payload.right,
    ancestors: command.verb === "grant.derive" ? command.payload.ancestors : [],
    depth: payload.depth,
    logs: payload.logs,
    terms: payload.terms,
    steps,
    epoch: 1,
    version: 1,
    n: 1,
    at: changed(facts),
  });
}

/** An offer's acceptance is stage 0; an offering grantor's own approval is given by the offer itself. */
function stepsOf(command: Creation, grantor: string, grantee: string, facts: CommandFacts): readonly Step[] {
  if (command.verb === "grant.derive") return [];
  const { route } = command.payload;
  if (route.some((stage) => stage.includes(grantee))) {
    throw new QuanjiError("CONFLICT_OF_INTEREST", "the grantee cannot approve its own grant", { field: "route" });
  }
  if (!route.some((stage) => stage.includes(grantor))) {
    throw new QuanjiError("MALFORMED", "the grantor is one of those who approve", { field: "route" });
  }
  const offered = command.verb === "grant.offer";
  const decided = { decision: "approved" as const, time: facts.time, request: facts.request };
  const approvals = route.flatMap((stage, i) =>
    stage.map((party): Step => {
      const step = { stage: i + 1, party, kind: "approve" as const };
      return offered && party === grantor ? { ...step, decided } : step;
    }),
  );
  return offered ? [{ stage: 0, party: grantee, kind: "accept" }, ...approvals] : approvals;
}

/** What can be judged of terms without any other object. */
function checkTerms(terms: Terms, logs: readonly string[], facts: CommandFacts): void {
  const { window, quota, obligations = [], fields, dataRange } = terms;
  if (msOf(window.until) <= msOf(window.from)) {
    throw new QuanjiError("MALFORMED", "the window is empty", { field: "terms.window" });
  }
  if (msOf(window.until) <= facts.timeMs) {
    throw new QuanjiError("BACKDATED", "the window is over already", { field: "terms.window.until" });
  }
  if (dataRange !== undefined && "from" in dataRange && Date.parse(dataRange.from) >= Date.parse(dataRange.to)) {
    throw new QuanjiError("MALFORMED", "the data range is empty", { field: "terms.dataRange" });
  }
  const foreign = obligations.find((obligation) => !fields.includes(obligation.field));
  if (foreign !== undefined) {
    throw new QuanjiError("MALFORMED", "an obligation names a field that is not granted", {
      field: "terms.obligations",
    });
  }
  const badArg = obligations.find((obligation) => !argumentFits(obligation));
  if (badArg !== undefined) {
    throw new QuanjiError("MALFORMED", "mask takes prefix,suffix; round takes a step above zero; drop takes nothing", {
      field: "terms.obligations",
    });
  }
  if (terms.derivative !== undefined && !terms.actions.includes("derive")) {
    throw new QuanjiError("MALFORMED", "a clause on derivatives goes with the action derive", {
      field: "terms.derivative",
    });
  }
  assertAllotted(quota, logs);
}

function argumentFits({ op, arg }: Obligation): boolean {
  switch (op) {
    case "drop":
      return arg === undefined;
    case "mask":
      return arg === undefined || /^\d{1,3},\d{1,3}$/.test(arg);
    case "round":
      return arg !== undefined && /^(\d{1,12}|\d{1,12}\.\d{1,12})$/.test(arg) && Number(arg) > 0;
  }
}

/** A stage is open once all earlier stages are decided; within a stage, steps are decided in any order. */
export const openSteps = (grant: Grant): readonly Step[] => {
  const undecided = grant.steps.filter((step) => step.decided === undefined);
  const stage = Math.min(...undecided.map((step) => step.stage));
  return undecided.filter((step) => step.stage === stage);
};

function decideStep(grant: Grant, kind: Step["kind"], decision: "approved" | "refused", facts: CommandFacts): Grant {
  const mine = (step: Step): boolean => step.party === facts.signer && (kind === step.kind || decision === "refused");
  const step = openSteps(grant).find(mine);
  if (step === undefined) {
    if (grant.steps.some((other) => mine(other) && other.decided === undefined)) {
      throw new QuanjiError("STATE_CONFLICT", "your step is not open yet: an earlier one is undecided", {
        detail: "waiting",
      });
    }
    throw new QuanjiError("ROLE_REQUIRED", "no open step of this grant is yours to decide");
  }
  const steps = grant.steps.map((other) =>
    other === step ? { ...other, decided: { decision, time: facts.time, request: facts.request } } : other,
  );
  const complete = steps.every((other) => other.decided?.decision === "approved");
  const state: GrantState = decision === "refused" ? "refused" : complete ? "active" : "pending";
  return { ...next(grant, facts), steps, state };
}

const next = (grant: Grant, facts: CommandFacts): Grant => ({ ...grant, n: grant.n + 1, at: changed(facts) });

function withdraw(grant: Grant, facts: CommandFacts): Grant {
  const applicant = grant.steps.some((step) => step.kind === "accept") ? grant.grantor : grant.grantee;
  if (facts.signer !== applicant) {
    throw new QuanjiError("ROLE_REQUIRED", "a request is withdrawn by whoever made it");
  }
  return { ...next(grant, facts), state: "withdrawn" };
}

/** A stop that the regulator's has overtaken: the grant stays what that one made it, and a suspension stands beside it. */
function stop(grant: Grant, payload: Stop, state: GrantState, facts: CommandFacts): Grant {
  if (facts.signer !== grant.grantor && !facts.signerRoles.includes("regulator")) {
    throw new QuanjiError("ROLE_REQUIRED", "a grant is stopped by its grantor or the regulator");
  }
  if (payload.target !== stopDigest(grant.id)) {
    throw new QuanjiError("MALFORMED", "target is not the digest of this grant", { field: "target" });
  }
  if (payload.epoch !== grant.epoch) {
    throw new QuanjiError("STATE_CONFLICT", `the grant's epoch is ${grant.epoch}`, { field: "epoch" });
  }
  if (state !== grant.state) return { ...next(grant, facts), state, stoppedBy: facts.signer };
  if (facts.signer !== grant.grantor || grant.stoppedBy === grant.grantor) throw stoppedAlready(grant);
  return { ...next(grant, facts), ...(state === "suspended" && { alsoStoppedBy: facts.signer }) };
}

/** Of a stop that is no more than what holds already. */
export const stoppedAlready = ({ state }: Grant): QuanjiError =>
  new QuanjiError("STATE_CONFLICT", `the grant is ${state} already`, { detail: state });

function resume(grant: Grant, epoch: number, facts: CommandFacts): Grant {
  if (facts.signer !== grant.stoppedBy) {
    throw new QuanjiError("ROLE_REQUIRED", "a grant is resumed by the party that suspended it");
  }
  if (epoch !== grant.epoch) {
    throw new QuanjiError("STATE_CONFLICT", `the grant's epoch is ${grant.epoch}`, { field: "epoch" });
  }
  const { stoppedBy: _stoppedBy, alsoStoppedBy, ...rest } = next(grant, facts);
  // Nobody ends another's stop with its own: the epoch stays, and with it what stands in the stop's key.
  if (alsoStoppedBy !== undefined) return { ...rest, state: "suspended", stoppedBy: alsoStoppedBy };
  return { ...rest, state: "active", epoch: grant.epoch + 1 };
}

/** Terms and version stay: what moves is where the quota may be used. */
function allot(grant: Grant, allotted: Shares, facts: CommandFacts): Grant {
  if (facts.signer !== grant.grantor) {
    throw new QuanjiError("ROLE_REQUIRED", "a grant's quota is allotted by its grantor");
  }
  if (grant.terms.quota === undefined) {
    throw new QuanjiError("STATE_CONFLICT", "the grant has no quota that could be allotted");
  }
  const quota = { ...grant.terms.quota, allotted };
  assertAllotted(quota, grant.logs);
  return { ...next(grant, facts), terms: { ...grant.terms, quota } };
}

/**
 * The value of the public key `stop/<digest>`, written when a grant becomes active. A stop adds the command that stops; the
 * key's policy is the grantor's home alone. Absent counts as stopped.
 */
export interface StopState {
  readonly v: "quanji.stop.v1";
  readonly epoch: number;
  /** {@link grantorDigest}: only its pre-image may overwrite. */
  readonly grantor: string;
  readonly stop?: {
    readonly verb: "grant.suspend" | "grant.revoke";
    readonly request: string;
    readonly signer: string;
    readonly command: { readonly payload: string; readonly protected: string; readonly signature: string };
  };
}
