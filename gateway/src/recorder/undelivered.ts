/**
 * Permits that nobody will deliver any more: those of an earlier process, and those whose caller was told that the outcome is
 * unknown or cannot be shown. Each gets a delivery record with outcome `unknown` and no bytes.
 *
 * Which they are is asked of the read model, whose list of open permits outlives this process and is as long as what is under
 * way. So a batch is closed too that an earlier process gave up as lost and that was ordered after this one had begun.
 */
import { msOf } from "@quanji/chaincode/domain";
import { sha256Text } from "@quanji/chaincode/log";
import { bodyOf } from "../readmodel/body.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { RecordReader } from "./answerer.js";
import type { RecorderLimits } from "./limits.js";
import type { Pause } from "./pause.js";
import type { DeliveryToRecord } from "./recorder.js";
import type { RecorderLogger } from "./watch.js";

export interface UndeliveredOptions {
  readonly readModel: Pick<RecordReader, "log" | "undelivered">;
  readonly log: string;
  /** Ledger time in ms. */
  readonly clock: () => number;
  /** Must not keep the process alive. */
  readonly rest: Pause;
  readonly logger: RecorderLogger;
  /** Permits below this index are of an earlier process, which releases nothing any more. */
  readonly firstOwn: () => number;
  /** Whether the record of this request is being made, or answered with, at this moment. */
  readonly isUnderWay: (request: string) => boolean;
  readonly record: (item: DeliveryToRecord) => Promise<KnownRecord>;
  readonly limits: RecorderLimits;
}

/** Delivery records of permits that nobody delivered, that wait at once. */
const AT_ONCE = 500;

export class Undelivered {
  readonly #o: UndeliveredOptions;
  /** Permits that were answered with and whose account is still to come: by index. */
  readonly #inHands = new Set<number>();
  readonly #over = new AbortController();
  /** Every permit below is closed, or in somebody's hands. */
  #from = 0;

  constructor(options: UndeliveredOptions) {
    this.#o = options;
  }

  /** A permit goes to a caller, who delivers and gives an account whatever happens; the account comes back. */
  answered(known: KnownRecord, account: DeliveryToRecord | undefined): void {
    if (account !== undefined) this.#inHands.delete(account.access.record);
    else if (isPermit(known)) this.#inHands.add(known.record);
  }

  /** Closes what is open by now. Answers how many; what could not be recorded is tried again the next time. */
  async close(): Promise<number> {
    const { readModel, log, limits } = this.#o;
    const atOnce = Math.min(AT_ONCE, limits.waiting);
    let from = (await readModel.log(log))?.size ?? 0;
    let closed = 0;
    let some: KnownRecord[] = [];
    const closeSome = async (): Promise<void> => {
      const failed = await this.#record(some);
      closed += some.length - failed.length;
      from = Math.min(from, ...failed.map(({ record }) => record));
      some = [];
    };
    for await (const access of readModel.undelivered(log, this.#from)) {
      // Times never decrease within a log: of those that follow none is older.
      const end = !this.#isPast(access) || this.#over.signal.aborted;
      const underWay = this.#o.isUnderWay(bodyOf(access).request);
      if (end || underWay) from = Math.min(from, access.record);
      if (end) break;
      if (underWay || this.#inHands.has(access.record)) continue;
      some.push(access);
      if (some.length >= atOnce) await closeSome();
    }
    await closeSome();
    this.#from = from;
    return closed;
  }

  /** Closes now and from time to time, until {@link stop}. Never rejects. */
  async keepClosing(): Promise<void> {
    const { rest, log, limits, logger } = this.#o;
    while (!this.#over.signal.aborted) {
      try {
        await this.close();
      } catch (err) {
        logger.error({ log, err }, "permits without a delivery cannot be looked for");
      }
      await rest(limits.closeEveryMs, this.#over.signal);
    }
  }

  stop(): void {
    this.#over.abort();
  }

  /** Before that time a caller who sends the same request again may still be given the data. */
  #isPast(access: KnownRecord): boolean {
    if (access.record < this.#o.firstOwn()) return true;
    const body = bodyOf(access);
    return this.#o.clock() >= msOf("deliverBefore" in body ? (body.deliverBefore ?? body.time) : body.time);
  }

  /** Answers those that failed. */
  async #record(accesses: readonly KnownRecord[]): Promise<readonly KnownRecord[]> {
    const { record, log, logger } = this.#o;
    const answers = await Promise.allSettled(
      accesses.map((access) => record({ type: "delivery", access, ...NOTHING })),
    );
    const failed = accesses.filter((_, i) => answers[i]?.status === "rejected");
    if (failed.length > 0) logger.error({ log, permits: failed.length }, "permits stay without a delivery for now");
    return failed;
  }
}

const NOTHING = { bytes: 0, digest: sha256Text(""), masked: [], outcome: "unknown", rows: 0 } as const;

const isPermit = (known: KnownRecord): boolean => {
  const body = bodyOf(known);
  return known.type === "access" && "rule" in body && body.rule === "permit";
};
