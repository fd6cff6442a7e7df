/** Attestation 证明: what somebody whose office it is has examined of a resource's version, and found. Public, like the catalogue. */
import { z } from "zod";
import { QuanjiError } from "../errors.js";
import { type Grade, GRADES } from "../grade.js";
import { Digest, ResourceVersionId, Uuid } from "../ids.js";
import {
  type Changed,
  changed,
  type CommandFacts,
  Committed,
  defined,
  existing,
  Net,
  type Role,
  type Transition,
  transitionFor,
  type Versioned,
} from "../shared.js";
import { Instant, msOf } from "../time.js";

/** Kinds, and who may attest each. 脱敏, 转换, 质量, 合规, 安全审查. */
export const ATTESTATION_KINDS = {
  deidentification: ["assessor"],
  conversion: ["assessor"],
  quality: ["assessor"],
  compliance: ["assessor", "regulator"],
  "security.review": ["regulator"],
} as const satisfies Record<string, readonly Role[]>;
export type AttestationKind = keyof typeof ATTESTATION_KINDS;
export const AttestationKind = z.enum(Object.keys(ATTESTATION_KINDS) as [AttestationKind, ...AttestationKind[]]);

export const Attest = z.strictObject({
  ...Net,
  attestation: Uuid,
  kind: AttestationKind,
  /** It may be registered later: a product is examined before it enters the catalogue. */
  subject: ResourceVersionId,
  result: z.enum(["pass", "fail"]),
  /** Of a de-identification: the lowest grade that what was examined may have. */
  level: z.enum(GRADES).optional(),
  until: Instant.optional(),
  /** SHA-256 of the report. */
  report: Digest,
  findings: Committed.optional(),
});
export const AttestationWithdraw = z.strictObject({ ...Net, attestation: Uuid, ground: Committed.optional() });

export type AttestationState = "valid" | "failed" | "withdrawn";

export interface Attestation extends Versioned {
  readonly v: "quanji.attestation.v1";
  readonly id: string;
  /** Expiry is decided from `until`, never scheduled. */
  readonly state: AttestationState;
  readonly kind: AttestationKind;
  readonly subject: string;
  readonly issuer: string;
  readonly level?: Grade;
  readonly until?: string;
  readonly report: string;
  readonly issued: Changed;
}

export type AttestationVerb = "attest" | "attestation.withdraw";

export const ATTESTATION_MACHINE: readonly Transition<AttestationState, AttestationVerb>[] = [
  // Valid or failed, as the result says.
  { verb: "attest", from: [undefined], to: undefined, who: "a party whose role may attest that kind" },
  { verb: "attestation.withdraw", from: ["valid"], to: "withdrawn", who: "the issuer or the regulator" },
];

export type AttestationCommand =
  | { readonly verb: "attest"; readonly payload: z.infer<typeof Attest> }
  | { readonly verb: "attestation.withdraw"; readonly payload: z.infer<typeof AttestationWithdraw> };

/** The attestation after a command, from itself alone. Errors: STATE_CONFLICT, ROLE_REQUIRED, BACKDATED, MALFORMED. */
export function applyAttestation(
  before: Attestation | undefined,
  command: AttestationCommand,
  facts: CommandFacts,
): Attestation {
  transitionFor(ATTESTATION_MACHINE, command.verb, before?.state);
  if (command.verb === "attest") return attest(command.payload, facts);
  const attestation = existing(before, command.verb);
  if (facts.signer !== attestation.issuer && !facts.signerRoles.includes("regulator")) {
    throw new QuanjiError("ROLE_REQUIRED", "an attestation is withdrawn by its issuer or the regulator");
  }
  return {
    ...attestation,
    state: "withdrawn",
    version: attestation.version + 1,
    n: attestation.n + 1,
    at: changed(facts),
  };
}

function attest(payload: z.infer<typeof Attest>, facts: CommandFacts): Attestation {
  const roles: readonly Role[] = ATTESTATION_KINDS[payload.kind];
  if (!roles.some((role) => facts.signerRoles.includes(role))) {
    throw new QuanjiError(
      "ROLE_REQUIRED",
      `${payload.kind} is attested by a party with the role ${roles.join(" or ")}`,
      {
        field: "kind",
      },
    );
  }
  if (payload.until !== undefined && msOf(payload.until) <= facts.timeMs) {
    throw new QuanjiError("BACKDATED", "the attestation would be over already", { field: "until" });
  }
  if ((payload.level !== undefined) !== (payload.kind === "deidentification" && payload.result === "pass")) {
    throw new QuanjiError("MALFORMED", "a passed de-identification states a level, and nothing else does", {
      field: "level",
    });
  }
  return defined({
    v: "quanji.attestation.v1" as const,
    id: payload.attestation,
    state: payload.result === "pass" ? ("valid" as const) : ("failed" as const),
    kind: payload.kind,
    subject: payload.subject,
    issuer: facts.signer,
    level: payload.level,
    until: payload.until,
    report: payload.report,
    issued: changed(facts),
    version: 1,
    n: 1,
    at: changed(facts),
  });
}

/** Whether it says something of exactly that version at that time. Nobody's word on its own product counts. */
export const attests = (
  attestation: Attestation,
  subject: string,
  owners: readonly string[],
  timeMs: number,
): boolean =>
  attestation.state === "valid" &&
  attestation.subject === subject &&
  !owners.includes(attestation.issuer) &&
  (attestation.until === undefined || timeMs < msOf(attestation.until));
