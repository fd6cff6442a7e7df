/** The recorder's port: from decided requests to committed records. */
import type { AccessRequest, AccessVoid, Outcome, TallySign } from "@quanji/chaincode/domain";
import type { FlattenedJws, Openings } from "@quanji/chaincode/log";
import type { KnownRecord } from "../readmodel/readmodel.js";

/** An access, void or tally that the gateway has checked: form, signature under a registered key, resource, log, clock. */
export interface RequestToRecord {
  readonly type: "access" | "void" | "tally";
  readonly jws: FlattenedJws;
  /** What the JWS says, if the caller has parsed it. */
  readonly parsed?: { readonly kid: string; readonly payload: AccessRequest | AccessVoid | TallySign };
  /** SHA-256 of the signing input, base64url. */
  readonly request: string;
  readonly openings?: Openings;
}

/** What left, or did not. Recorded after the fact; the access is found by its place in the log. */
export interface DeliveryToRecord {
  readonly type: "delivery";
  readonly access: KnownRecord;
  readonly bytes: number;
  /** SHA-256 of the bytes that left, base64url. */
  readonly digest: string;
  readonly masked: readonly string[];
  readonly outcome: Outcome;
  readonly rows: number;
}

/** The requester's signed word for a delivery that is recorded. */
export interface AcceptanceToRecord {
  readonly type: "acceptance";
  readonly jws: FlattenedJws;
  /** SHA-256 of the signing input, base64url. */
  readonly request: string;
  readonly delivery: KnownRecord;
}

/** An index of subjects, of the records from where the last one ended up to `before`. */
export interface IndexToRecord {
  readonly type: "index";
  readonly before: number;
  /** First index of the batch that holds the last of them. */
  readonly first: number;
  readonly root: string;
  readonly size: number;
  readonly seed: string;
}

export type ItemToRecord = RequestToRecord | DeliveryToRecord | AcceptanceToRecord | IndexToRecord;

export interface Recorder {
  /** Origin of the one log that this recorder writes. */
  readonly log: string;
  /**
   * Resolves with the committed record: for an access permit or denial, as the chaincode decided.
   * Errors: NOT_RECORDED (nothing was and will be recorded: the same request may be sent again), COMMAND_REPLAYED,
   * MALFORMED, and what else the chaincode refuses one record for.
   */
  record(item: ItemToRecord): Promise<KnownRecord>;
  /** Waits for what is under way, refuses what comes. */
  close(): Promise<void>;
}
