/** A contract's month that was delivered, and its statement closed: what documents begin with. */
import type { LocalHost } from "./host.js";
import { DAY_MS, monthAt, openMarket, sell, use } from "./sale.js";
import { IDS, type Stage } from "./stage.js";

const TIERS = [
  { upTo: 2, amount: "128888", per: 1 },
  { amount: "95001", per: 1 },
];
const PAYEES = {
  shares: [
    { weight: 4, to: IDS.bureau },
    { weight: 3, to: IDS.adjuster },
    { weight: 3, to: IDS.stranger },
  ],
};

/** Bureau sells to insurer, and shares 4 : 3 : 3: two calls at 1288.88 CNY and one at 950.01. */
export class BilledMonth {
  readonly stage: Stage<LocalHost>;
  readonly contract: string;
  readonly period: string;

  private constructor(stage: Stage<LocalHost>, contract: string, period: string) {
    this.stage = stage;
    this.contract = contract;
    this.period = period;
  }

  static async open(): Promise<BilledMonth> {
    const stage = await openMarket();
    try {
      const sale = await sell(stage, TIERS, { payees: PAYEES });
      const period = monthAt(stage.host.clock());
      await use(stage, sale, 3);
      await stage.later(40 * DAY_MS);
      await (await stage.client("bureau")).statements.close(sale.contract, period);
      return new BilledMonth(stage, sale.contract, period);
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** As documents name it. */
  get key(): { readonly contract: string; readonly period: string } {
    return { contract: this.contract, period: this.period };
  }
}
