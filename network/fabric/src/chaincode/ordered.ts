/** A step of the chaincode's lifecycle that orderers have to order: sent until it is done, and done once. */
import { NetworkFailure } from "../tools/failure.js";
import { until } from "../tools/wait.js";

/**
 * Orderers that have no leader yet, or none again, refuse for a while. What was handed to a leader that fell meanwhile is lost, or
 * comes late: nobody hears of its transaction in time, and it is sent again.
 */
const NOT_YET = /SERVICE_UNAVAILABLE|no Raft leader|timed out waiting for txid/i;
/** An earlier attempt came through: an approval of the same, or a definition that is committed already. */
const AGAIN = /with unchanged content|but new definition must be sequence/i;

export interface Ordered {
  readonly attempt: () => Promise<unknown>;
  /** Whether it stands, whoever did it. Asked after an attempt of which that is not certain. */
  readonly isDone: () => Promise<boolean>;
  /** Where the commands' own words are. */
  readonly log: string;
  /** Milliseconds; default 150,000: the tools wait 30 s for a transaction. */
  readonly within?: number;
  readonly every?: number;
}

/** Errors: NetworkFailure: what an attempt was refused for, or that none came through in time. */
export function ordered({ attempt, isDone, log, within = 150_000, every = 200 }: Ordered): Promise<true> {
  return until(
    async () => {
      try {
        await attempt();
        return true;
      } catch (error) {
        if (!(error instanceof NetworkFailure)) throw error;
        const again = AGAIN.test(error.message);
        if (!again && !NOT_YET.test(error.message)) throw error;
        if (await isDone()) return true;
        if (again) throw error;
        return undefined;
      }
    },
    {
      subject: "orderers",
      purpose: "take a transaction",
      within,
      every,
      log,
      advice: "are most of them running and can they reach each other? `network -- status` and their logs say",
    },
  );
}
