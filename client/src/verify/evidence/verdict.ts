/** What a check of evidence answers. */
import type { Evidence } from "@quanji/chaincode/domain";
import type { Verdict } from "../verdict.js";

export interface Accused {
  /** Name of the key: a log's origin, a witness's, a gateway's. */
  readonly name: string;
  readonly role: "log" | "witness" | "heads" | "blocks" | "gateway";
  /** One of those accused, or who stands behind them, is at fault; which of them the file does not show. */
  readonly either?: true;
}

/** What somebody can no longer deny. */
export interface Shown {
  readonly shows: Evidence["kind"];
  /** Whose signatures show it: at least one. */
  readonly accused: readonly Accused[];
  readonly log?: string;
  /** A fork's two tree sizes. */
  readonly sizes?: readonly [older: number, newer: number];
  /** Indexes in the log of the records that contradict each other, or the head note. */
  readonly indexes?: readonly number[];
  /** Number of the block of which two things are said, and what differs. */
  readonly block?: { readonly number: number; readonly differs: "header" | "state" };
  /** The stop that was in force, and the permit in spite of it. */
  readonly stop?: {
    readonly grant: string;
    readonly verb: string;
    /** Of the stop's command. */
    readonly request: string;
    /** When it stood in the grant's chain. */
    readonly time: string;
    /** Of the record. */
    readonly permitted: string;
  };
  /** What was refused, and with which code. */
  readonly refused?: {
    readonly request: string;
    readonly verb: string;
    readonly status: number;
    readonly code: string;
  };
}

export interface EvidenceVerdict
  extends Pick<Verdict, "ok" | "code" | "detail" | "message" | "trustDigest">, Partial<Shown> {
  readonly kind: "evidence";
  readonly accused: readonly Accused[];
}
