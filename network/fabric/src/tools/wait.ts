/** Waiting on readiness: a question asked again until it is answered well or its time is over. */
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, NetworkFailure } from "./failure.js";

export interface Waiting {
  /** What is waited for, e.g. `peer0.holder`. */
  readonly subject: string;
  /** Completes "… did not", e.g. `answer its health check`. */
  readonly purpose: string;
  readonly within: number;
  readonly advice: string;
  readonly log?: string;
  /** Milliseconds between two questions. */
  readonly every?: number;
}

/**
 * The first answer that is not undefined. A rejection counts as "not yet", unless it is a NetworkFailure, which ends the
 * waiting. Errors: NetworkFailure, with the last rejection as cause.
 */
export async function until<T>(ask: () => Promise<T | undefined>, waiting: Waiting): Promise<T> {
  const deadline = performance.now() + waiting.within;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      if (error instanceof NetworkFailure) throw error;
      last = error;
    }
    if (performance.now() >= deadline) break;
    await pause(waiting.every ?? 50);
  }
  const because = last === undefined ? "" : ` (${messageOf(last).slice(0, 400)})`;
  throw new NetworkFailure(waiting.subject, `did not ${waiting.purpose} within ${waiting.within / 1000} s${because}`, {
    advice: waiting.advice,
    ...(waiting.log === undefined ? {} : { log: waiting.log }),
    cause: last,
  });
}
