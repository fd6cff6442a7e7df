/** What an operator sees of a recorder: counts and times, never a request's content. */
import type { Outcome } from "./outcome.js";

/** The part of pino's logger that is used here. */
export interface RecorderLogger {
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export const SILENT: RecorderLogger = { warn: () => undefined, error: () => undefined };

/** One submission of a batch, whatever became of it. Times in ms. */
export interface TurnFacts {
  readonly outcome: Outcome["kind"];
  readonly records: number;
  /** Distinct grants, parties and resources. */
  readonly objects: number;
  /** Size of the transient batch. */
  readonly bytes: number;
  /** How long the first record had waited when the batch was submitted. */
  readonly waitedMs: number;
  /** From submission to outcome. */
  readonly ledgerMs: number;
  /** Of the lane for objects that made batches fail. */
  readonly troubled: boolean;
}

/** Its members are called between a commit and its answers: they must not throw. */
export interface RecorderMetrics {
  turn(facts: TurnFacts): void;
  /** The records of one batch are answered; `ms` since their commit. */
  answered(facts: { readonly records: number; readonly ms: number }): void;
}

export const UNMEASURED: RecorderMetrics = { turn: () => undefined, answered: () => undefined };
