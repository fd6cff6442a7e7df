/** Ledger time for those who cannot wait for it: the machine's clock, moved by a test network's offset. */
import type { ReadModel } from "../readmodel/readmodel.js";

/** How soon another gateway's `clock.set` is noticed. This gateway's own is noticed at once. */
const LOOK_MS = 250;

export class LedgerClock {
  readonly #clock: () => number;
  readonly #readModel: Pick<ReadModel, "clockOffsetMs" | "network">;
  #offsetMs = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(clock: () => number, readModel: Pick<ReadModel, "clockOffsetMs" | "network">) {
    this.#clock = clock;
    this.#readModel = readModel;
  }

  /** Looks again and again only on networks with a test clock: elsewhere the offset is 0 for ever. */
  static async open(
    clock: () => number,
    readModel: Pick<ReadModel, "clockOffsetMs" | "network">,
    report: (error: unknown) => void,
  ): Promise<LedgerClock> {
    const ledgerClock = new LedgerClock(clock, readModel);
    await ledgerClock.refresh();
    if ((await readModel.network())?.testClock === true) {
      ledgerClock.#timer = setInterval(() => void ledgerClock.refresh().catch(report), LOOK_MS);
      ledgerClock.#timer.unref();
    }
    return ledgerClock;
  }

  /** Ms since 1970. */
  readonly now = (): number => this.#clock() + this.#offsetMs;

  async refresh(): Promise<void> {
    this.#offsetMs = await this.#readModel.clockOffsetMs();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
