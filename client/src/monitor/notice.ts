/** What a monitor has to say: one notice a fact, with an id by which whoever gets it twice can tell. */
import { canonical, type HashText, type Json, sha256Text } from "@quanji/chaincode/log";

/** `typ` of a notice that is posted: signed with the party's key. */
export const NOTICE_TYP = "quanji-notice+jws";

/** Why an alarm is given. Never renamed. */
export const ALARMS = {
  FORK: "a log has signed two histories: the evidence convicts it",
  LOG_SHRUNK: "a log is served smaller than it was seen before",
  CHECKPOINT_REFUSED: "a log's checkpoint does not hold against the trust file",
  TILES_REFUSED: "a log's tiles do not lead to its checkpoint, or are missing",
  CHECKPOINT_STALE: "a log is served smaller than a receipt or trail shows it to be",
  RECEIPT_NOT_COSIGNED: "a receipt is not cosigned in time by a quorum of witnesses",
  RECEIPT_REFUSED: "a receipt that is held does not hold, or is not in its log",
  TRAIL_REFUSED: "a trail of a watched key does not verify",
  READ_REFUSED: "a gateway refuses to show what is watched",
  GATEWAY_UNREACHABLE: "a gateway, or a copy of its logs, has not been reached for long",
} as const;
export type AlarmCode = keyof typeof ALARMS;

/** A record that concerns a watched key. */
export interface Use {
  readonly kind: "use";
  readonly log: string;
  readonly index: number;
  readonly type: "access" | "delivery";
  /** When it was recorded, by the log's clock. */
  readonly time: string;
  readonly requester: string;
  readonly resource: string;
  readonly grant?: string;
  readonly purpose: string;
  /** `permit`, or the rule that denied. Of an access. */
  readonly rule?: string;
  /** Of a delivery. */
  readonly outcome?: string;
  readonly quantity?: number;
  /** Hash of the request: its receipt is found by it. */
  readonly request: string;
  /** Whose trail showed it. */
  readonly concerns: string;
  /** Whether the trail verified, at the level that the trust file asks for. */
  readonly verified: boolean;
}

export interface Alarm {
  readonly kind: "alarm";
  readonly code: AlarmCode;
  /** What it is about: a log, a request, a key, an address. */
  readonly about: string;
  readonly message: string;
  /** Finer code. */
  readonly detail?: string;
  /** File in the monitor's folder. */
  readonly evidence?: string;
}

/** What an alarm was given for is over. */
export interface Cleared {
  readonly kind: "cleared";
  readonly code: AlarmCode;
  readonly about: string;
  /** `id` of the alarm. */
  readonly alarm: string;
}

export type Fact = Use | Alarm | Cleared;
export type Notice = Fact & {
  readonly v: "quanji.notice.v1";
  /** Follows from the fact, so that the same fact found again has the same one. */
  readonly id: string;
  /** Of this monitor, from 1, without gaps. */
  readonly seq: number;
  /** When the monitor found it. */
  readonly at: string;
  readonly net: string;
};

/** Name of a condition that can begin and end. */
export const conditionOf = (code: AlarmCode, about: string): HashText => idOf([code, about]);

export const idOf = (parts: readonly Json[]): HashText => sha256Text(canonical({ parts }));
