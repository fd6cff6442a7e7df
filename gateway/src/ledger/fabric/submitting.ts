/**
 * From an endorsed transaction to its certain end. Only blocks tell what was committed, so nothing else is believed: an
 * orderer that took the envelope may die with it, and one that seemed not to may have passed it on. The same envelope is handed
 * over again and again meanwhile; whatever comes of that, a transaction id is valid once at most.
 *
 * |                                             | outcome                                     |
 * |---------------------------------------------|---------------------------------------------|
 * | refused before it was handed over for sure  | REFUSED, UNAVAILABLE                        |
 * | in a block, VALID                           | committed                                   |
 * | in a block, MVCC_READ_CONFLICT (code 11)    | CONFLICT                                    |
 * | in a block, ENDORSEMENT_POLICY_FAILURE      | POLICY                                      |
 * | in a block, invalid for another reason      | POLICY, by the name of the validation code  |
 * | in no block when the time is over           | UNKNOWN: the caller asks `find`             |
 */
import { setTimeout as pause } from "node:timers/promises";
import { CODE, codeName } from "../embedded/validator.js";
import { type Committed, LedgerError } from "../ledger.js";
import { type Endorsed, Unsure } from "./connector.js";
import type { Place } from "./decode.js";

export interface SubmitTiming {
  /** From the first handing over to the answer that nobody knows. Orderers elect a new leader in some 2 s. */
  readonly commitMs: number;
  /** After which an envelope that was taken and has not come back in a block is handed over again. */
  readonly againMs: number;
  /** The same, where it is not known whether it was taken. */
  readonly unsureMs: number;
  /**
   * After which it is handed over once more beside a handing over that is not answered. A peer picks an orderer by chance, and
   * one that is cut off answers nothing at all; the others take the envelope in some 10 ms.
   */
  readonly patienceMs: number;
}

/**
 * Moments between submit and answer, in order: the endorsements are there, and nobody else knows of them; an orderer has taken
 * the envelope; it stands in a block, and the submitter has not heard of that.
 */
export const SUBMIT_STEPS = ["endorsed", "handed over", "landed"] as const;
export type SubmitStep = (typeof SUBMIT_STEPS)[number];

export const SUBMIT: SubmitTiming = { commitMs: 12_000, againMs: 1_500, unsureMs: 200, patienceMs: 500 };

/** Where commits are heard of. */
export interface Commits {
  await(txId: string, landed: (place: Place) => void): void;
  forget(txId: string): void;
}

export async function submitEndorsed(
  endorsed: Endorsed,
  commits: Commits,
  timing: SubmitTiming = SUBMIT,
  atStep: (step: SubmitStep) => void = () => undefined,
): Promise<Committed> {
  const { txId, result } = endorsed;
  const over = new AbortController();
  atStep("endorsed");
  const landing = new Promise<Place>((resolve) =>
    commits.await(txId, (place) => {
      atStep("landed");
      resolve(place);
    }),
  );
  const landed = landing.finally(() => over.abort());
  const late = pause(timing.commitMs, undefined, { signal: over.signal }).catch(() => undefined);
  try {
    const place = await Promise.race([landed, late, handOver(endorsed, timing, over.signal, atStep)]);
    if (place !== undefined) return judge(place, result);
    throw new LedgerError("UNKNOWN", "the transaction is in no block yet: look for it", { txId });
  } finally {
    over.abort();
    commits.forget(txId);
  }
}

/** Hands over until the signal aborts. Never resolves with a place; rejects if the first handing over is refused for sure. */
async function handOver(
  endorsed: Endorsed,
  { againMs, unsureMs, patienceMs }: SubmitTiming,
  signal: AbortSignal,
  atStep: (step: SubmitStep) => void,
): Promise<undefined> {
  const rest = (ms: number): Promise<undefined> => pause(ms, undefined, { signal }).catch(() => undefined);
  let mayBeOrdered = false;
  while (!signal.aborted) {
    const answer = endorsed.broadcast().then(
      (): typeof TAKEN => TAKEN,
      (error: unknown) => ({ error }),
    );
    const said = await Promise.race([answer, rest(patienceMs)]);
    if (said === TAKEN && !mayBeOrdered) atStep("handed over");
    if (said !== undefined && said !== TAKEN && !(said.error instanceof Unsure) && !mayBeOrdered) throw said.error;
    mayBeOrdered = true;
    if (said !== undefined) await rest(said === TAKEN ? againMs : unsureMs);
  }
  return never();
}

const TAKEN: unique symbol = Symbol("an orderer has taken it");

/** The race is over: whoever won it decides. */
const never = (): Promise<undefined> => new Promise(() => undefined);

function judge({ txId, block, index, code }: Place, result: string): Committed {
  switch (code) {
    case CODE.VALID:
      return { block, index, txId, result };
    case CODE.MVCC_READ_CONFLICT:
    case CODE.PHANTOM_READ_CONFLICT:
      throw new LedgerError("CONFLICT", "something that the transaction read has changed since: try again", { txId });
    case CODE.ENDORSEMENT_POLICY_FAILURE:
      throw new LedgerError("POLICY", "the organisations that a policy asks for did not all endorse", { txId });
    default:
      throw new LedgerError("POLICY", `the transaction is invalid: ${codeName(code)}`, { txId });
  }
}
