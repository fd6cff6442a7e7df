/** Attestation 证明: what somebody whose office it is has examined of a resource's version, and found. Public, like the catalogue. */
import { z } from "zod";
import { Digest, ResourceVersionId, Uuid } from "../ids.js";
import { GRADES } from "../resource.js";
import { type Changed, Committed, Net, type Role, type Versioned } from "../shared.js";
import { Instant } from "../time.js";

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

export interface Attestation extends Versioned {
  readonly v: "quanji.attestation.v1";
  readonly id: string;
  /** Expiry is decided from `until`, never scheduled. */
  readonly state: "valid" | "failed" | "withdrawn";
  readonly kind: AttestationKind;
  readonly subject: string;
  readonly issuer: string;
  readonly level?: (typeof GRADES)[number];
  readonly until?: string;
  readonly report: string;
  readonly issued: Changed;
}
