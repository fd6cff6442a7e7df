/**
 * Every stable code of the product, once: chaincode, gateway, client and docs read this table (`/v1/codes` serves it).
 * `status` is the HTTP status, 0 where the code never travels over HTTP. Never reuse or rename a code; add new ones.
 */
export type Stage = "command" | "decide" | "delivery" | "register" | "grant" | "money" | "verifier" | "edge";

export interface CodeRow {
  readonly status: number;
  readonly stage: Stage;
  /** Position in the order of rules of `decide`, 1…12. */
  readonly rule?: number;
  readonly meaning: string;
}

const row = <S extends Exclude<Stage, "decide">>(status: number, stage: S, meaning: string) => ({
  status,
  stage,
  meaning,
});
const rule = (order: number, status: number, meaning: string) => ({
  status,
  stage: "decide" as const,
  rule: order,
  meaning,
});

export const CODES = {
  MALFORMED: row(
    400,
    "command",
    "schema, unknown field or version, number out of range, or a term that nobody enforces yet",
  ),
  SIGNATURE_INVALID: row(401, "command", "the JWS does not verify under a registered key, or alg is not that key's"),
  COMMAND_STALE: row(401, "command", "iat is more than 60 s away from the gateway's clock"),
  COMMAND_MISDIRECTED: row(401, "command", "url is not the registered URL of what was called"),
  COMMAND_REPLAYED: row(409, "command", "jti used before with other bytes; for a read, used before at all"),
  NOT_FOUND: row(404, "command", "absent, or not visible to the caller: one answer for both"),
  ROLE_REQUIRED: row(403, "command", "the caller lacks the role, office or ownership that the command needs"),
  CONFLICT_OF_INTEREST: row(403, "command", "an approver may not act in its own matter"),
  STATE_CONFLICT: row(409, "command", "not allowed in the present state or version, or it exists already"),
  PARTY_ID_INVALID: row(422, "command", "check character of the 统一社会信用代码, or form of the URN"),

  PARTY_INACTIVE: rule(1, 403, "requester pending or suspended"),
  KEY_INVALID: rule(1, 401, "key outside its window, of another purpose, or reported compromised"),
  ORDER_FROZEN: rule(2, 403, "a freeze covers the resource, a party or the grant"),
  RESOURCE_SUSPENDED: rule(3, 403, "the resource is suspended"),
  BOUNDARY_FORBIDS: rule(4, 403, "a list in force forbids it (also at grant time)"),
  BOUNDARY_APPROVAL: rule(4, 403, "a list in force requires an approval that the grant's route does not contain"),
  GRANT_MISSING: rule(5, 403, "no such grant for this resource"),
  NOT_GRANTEE: rule(5, 403, "the requester is not the grantee"),
  GRANT_REVOKED: rule(6, 403, "revoked, refused or withdrawn"),
  GRANT_SUSPENDED: rule(6, 403, "suspended"),
  GRANT_PENDING: rule(6, 403, "not every step has approved, or the offer is not accepted"),
  GRANT_NOT_YET: rule(6, 403, "before the grant's window"),
  GRANT_EXPIRED: rule(6, 403, "after the grant's window"),
  ANCESTOR_NOT_IN_FORCE: rule(7, 403, "an ancestor grant is not in force (detail: which, and its code)"),
  ACTION_OUTSIDE_GRANT: rule(8, 403, "action"),
  PURPOSE_OUTSIDE_GRANT: rule(8, 403, "purpose"),
  FIELDS_OUTSIDE_GRANT: rule(8, 403, "field"),
  RANGE_OUTSIDE_GRANT: rule(8, 403, "data range"),
  ENVIRONMENT_OUTSIDE_GRANT: rule(8, 403, "environment"),
  JURISDICTION_OUTSIDE_GRANT: rule(8, 403, "place of use"),
  RATE_EXCEEDED: rule(12, 429, "rate"),
  QUOTA_EXCEEDED: rule(12, 429, "quota"),

  NOT_RECORDED: row(503, "delivery", "the record did not commit, or its time was refused: nothing was released"),
  BEHIND: row(503, "delivery", "the read model did not reach atLeast in time"),
  SOURCE_FAILED: row(502, "delivery", "the source did not answer as the resource promises"),

  SOURCE_CONFLICT: row(409, "register", "一数一源: the element class has a source already"),
  BASIS_MISSING: row(422, "register", "legal basis or responsible head absent"),
  GRADE_TOO_LOW: row(422, "register", "grade lower than the parents'"),
  LINEAGE_MISSING: row(422, "register", "a product or output without parents or origin declaration"),
  LINEAGE_UNGRANTED: row(403, "register", "the parent's grant is absent, not in force, or does not allow derive"),
  RIGHT_MISSING: row(403, "register", "the grantor does not hold the right"),

  EXCEEDS_PARENT: row(422, "grant", "the sub-grant is wider than its parent, or the depth is used up"),
  BACKDATED: row(422, "grant", "effective before it is published"),
  REFUSAL_UNFOUNDED: row(422, "grant", "a refusal in a must-share cell without a legal ground"),

  OFF_EXCHANGE: row(
    422,
    "money",
    "公共数据必须进场: a list says that this product is contracted through an exchange only",
  ),
  CAP_EXCEEDED: row(422, "money", "a tier's price is above a cap 上限收费标准 in force"),
  ATTESTATION_MISSING: row(
    403,
    "money",
    "a required attestation is absent, failed, withdrawn, expired or of another version",
  ),
  EVIDENCE_MISSING: row(
    422,
    "money",
    "it stands on records, statements or figures that do not exist or are in dispute",
  ),
  TOTAL_MISMATCH: row(422, "money", "recomputed money differs, or an entry's postings do not sum to 0"),

  PROOF_INVALID: row(0, "verifier", "a hash, signature or opening does not match"),
  TRAIL_INCOMPLETE: row(0, "verifier", "an entry is missing, repeated or added"),
  UNDERWITNESSED: row(0, "verifier", "fewer cosignatures than the trust file asks"),

  LIMITED: row(429, "edge", "too many requests from this caller: wait and send again"),
  TOO_LARGE: row(413, "edge", "the body is larger than the route takes"),
  MEDIA_TYPE: row(415, "edge", "the content type is not one that the route takes"),
  TIMEOUT: row(408, "edge", "the request did not arrive in time"),
  INTERNAL: row(500, "edge", "a fault of the gateway; the log has it under the same request"),
  STOP_PENDING: row(503, "edge", "a stop is not folded into the grant yet: try again"),
  HEAD_MOVED: row(503, "edge", "the log's head is not the expected one: a peer lags (internal)"),
  ANSWER_MISMATCH: row(0, "edge", "the gateway's answer is not the answer to this request (SDK)"),
  RECEIPT_NOT_COSIGNED: row(0, "edge", "too few witnesses cosigned the receipt within a minute: keep it (SDK)"),
  UNREACHABLE: row(0, "edge", "the gateway cannot be reached (SDK)"),
  CONFIG_INVALID: row(0, "edge", "a configuration value is missing or wrong; the message names it"),
} as const satisfies Record<string, CodeRow>;

export type Code = keyof typeof CODES;

/** A code of `decide`: the rule that a denied record names. */
export type Rule = { [K in Code]: (typeof CODES)[K]["stage"] extends "decide" ? K : never }[Code];

export const isCode = (text: string): text is Code => Object.hasOwn(CODES, text);
