/**
 * From `committed` to `cosigned`: a receipt is asked for again until witnesses enough have signed. One that is not cosigned in
 * time is an alarm: the gateway may show its log to somebody otherwise than to the witnesses, and the receipt is the evidence.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { CheckedReceipt } from "./receipt.js";

/** Told when a receipt is not cosigned in time; keep the receipt. */
export interface Alarm {
  readonly code: "RECEIPT_NOT_COSIGNED";
  readonly request: string;
  /** The best receipt that the gateway gave. */
  readonly receipt: CheckedReceipt;
  readonly waitedMs: number;
}

export interface UpgradesOptions {
  /** The access's receipt, as the gateway gives it now. */
  readonly read: (request: string) => Promise<CheckedReceipt>;
  /** Ms since 1970. */
  readonly clock: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly onAlarm: ((alarm: Alarm) => void) | undefined;
  /** Whether the trust file names witnesses. */
  readonly hasQuorum: boolean;
}

/** A witness answers within tens of milliseconds, and one that was away for a moment within seconds. */
export const COSIGNED_WITHIN_MS = 60_000;
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000] as const;

export class Upgrades {
  readonly #options: UpgradesOptions;
  readonly #underWay = new Map<string, Promise<CheckedReceipt>>();
  #closed = false;

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  /**
   * The receipt once it is cosigned, at once if it is. Errors: RECEIPT_NOT_COSIGNED after {@link COSIGNED_WITHIN_MS}, which is told
   * as an alarm too; ANSWER_MISMATCH and what else the gateway answers; UNREACHABLE once the client is closed.
   */
  upgrade(request: string, known?: CheckedReceipt): Promise<CheckedReceipt> {
    if (known !== undefined && isCosigned(known)) return Promise.resolve(known);
    const underWay = this.#underWay.get(request);
    if (underWay !== undefined) return underWay;
    const work = this.#upgrade(request, known).finally(() => this.#underWay.delete(request));
    this.#underWay.set(request, work);
    return work;
  }

  /**
   * A receipt has come. Where somebody listens for alarms and the trust file names a quorum, it is followed until it is cosigned;
   * what else goes wrong meanwhile is told to whoever asks for the receipt.
   */
  noticed(request: string, receipt: CheckedReceipt): void {
    const { onAlarm, hasQuorum } = this.#options;
    if (onAlarm !== undefined && hasQuorum) this.upgrade(request, receipt).catch(() => undefined);
  }

  /** Nothing is asked for any more. */
  close(): void {
    this.#closed = true;
  }

  async #upgrade(request: string, known: CheckedReceipt | undefined): Promise<CheckedReceipt> {
    const { clock, pause, onAlarm } = this.#options;
    const startMs = clock();
    let best = known;
    for (let attempt = 0; ; attempt++) {
      best = (await this.#read(request)) ?? best;
      if (best !== undefined && isCosigned(best)) return best;
      const waitedMs = clock() - startMs;
      if (waitedMs >= COSIGNED_WITHIN_MS) {
        if (best !== undefined) onAlarm?.({ code: "RECEIPT_NOT_COSIGNED", request, receipt: best, waitedMs });
        throw new QuanjiError(
          "RECEIPT_NOT_COSIGNED",
          "too few witnesses have cosigned it: keep the receipt, and tell the regulator",
          {
            detail: request,
          },
        );
      }
      if (this.#closed) throw new QuanjiError("UNREACHABLE", "the client is closed", { detail: request });
      await pause(PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)] ?? 0);
    }
  }

  /** Undefined if nobody answers now: a gateway that is away does not stop the clock. */
  async #read(request: string): Promise<CheckedReceipt | undefined> {
    try {
      return await this.#options.read(request);
    } catch (error) {
      if (error instanceof QuanjiError && error.code === "UNREACHABLE") return undefined;
      throw error;
    }
  }
}

const isCosigned = ({ level }: CheckedReceipt): boolean => level !== undefined && level !== "committed";
