/** A contract's month that was delivered, and its statement closed: what documents begin with. */
import type { LocalHost } from "./host.js";
import { DAY_MS, monthAt, openMarket, sell, use } from "./sale.js";
import { IDS, type Stage } from "./stage.js";

/** Bureau sells to insurer, and shares 4 : 3 : 3: two calls at 1288.88 CNY and one at 950.01. */
export class BilledMonth {
  readonly stage: Stage<LocalHost>;
  contract = "";
  period = "";

  private constructor(stage: Stage<LocalHost>) {
    this.stage = stage;
  }

  static async open(): Promise<BilledMonth> {
    const month = new BilledMonth(await openMarket());
    try {
      await month.#bill();
    } catch (error) {
      await month.stage.close();
      throw error;
    }
    return month;
  }

  /** As documents name it. */
  get key(): { readonly contract: string; readonly period: string } {
    return { contract: this.contract, period: this.period };
  }

  async #bill(): Promise<void> {
    const { stage } = this;
    const tiers = [
      { upTo: 2, amount: "128888", per: 1 },
      { amount: "95001", per: 1 },
    ];
    const payees = {
      shares: [
        { weight: 4, to: IDS.bureau },
        { weight: 3, to: IDS.adjuster },
        { weight: 3, to: IDS.stranger },
      ],
    };
    const sale = await sell(stage, tiers, { payees });
    this.contract = sale.contract;
    this.period = monthAt(stage.host.clock());
    await use(stage, sale, 3);
    await stage.later(40 * DAY_MS);
    await (await stage.client("bureau")).statements.close(this.contract, this.period);
  }
}
