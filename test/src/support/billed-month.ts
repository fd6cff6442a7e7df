/** A contract's month that was delivered, and its statement closed: what documents begin with. */
import { randomUUID } from "node:crypto";
import type { Payload } from "@quanji/chaincode/domain";
import { heldBy } from "@quanji/chaincode/testing";
import { type LocalHost, NET } from "./host.js";
import { IDS, type Name, RESOURCE, Stage } from "./stage.js";

export const PRODUCT = "res/route.eta";
export const DAY_MS = 86_400_000;

/** Bureau sells to insurer, and shares 4 : 3 : 3: two calls at 1288.88 CNY and one at 950.01. */
export class BilledMonth {
  readonly stage: Stage<LocalHost>;
  readonly contract = randomUUID();
  period = "";

  private constructor(stage: Stage<LocalHost>) {
    this.stage = stage;
  }

  static async open(): Promise<BilledMonth> {
    const config = { network: { net: NET, testClock: true } };
    const stage = await Stage.open({ resources: [RESOURCE, PRODUCT], config });
    const month = new BilledMonth(stage);
    try {
      await month.#bill();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return month;
  }

  /** As documents name it. */
  get key(): { readonly contract: string; readonly period: string } {
    return { contract: this.contract, period: this.period };
  }

  async #bill(): Promise<void> {
    const { stage, contract } = this;
    await stage.register(PRODUCT, {
      rights: [...heldBy(IDS.bureau), { kind: "operating", holder: IDS.bureau, basis: "own product" }],
    });
    const grant = await stage.granted("insurer", {}, { resource: PRODUCT });
    const offer = randomUUID();
    await this.#send("bureau", "offer.list", {
      offer,
      resource: `${PRODUCT}@1`,
      purposes: ["risk.assessment"],
      attestations: [],
      tariff: {
        unit: "call",
        currency: "CNY",
        tiers: [
          { upTo: 2, amount: "128888", per: 1 },
          { amount: "95001", per: 1 },
        ],
        from: "2020-01-01T00:00:00.000Z",
      },
    });
    const terms = {
      offer,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      grant,
      until: "2098-01-01T00:00:00.000Z",
      payees: {
        shares: [
          { weight: 4, to: IDS.bureau },
          { weight: 3, to: IDS.adjuster },
          { weight: 3, to: IDS.stranger },
        ],
      },
      disputeDays: 10,
      counterparts: [],
    };
    for (const by of ["bureau", "insurer"] as const) {
      await this.#send(by, "contract.sign", { contract, version: 1, terms });
    }
    this.period = new Date(stage.host.clock() + 8 * 3_600_000).toISOString().slice(0, 7);
    const insurer = await stage.client("insurer");
    for (let n = 0; n < 3; n++) await stage.handedOver(insurer, stage.access(grant, { resource: PRODUCT }));
    await stage.later(40 * DAY_MS);
    await (await stage.client("bureau")).statements.close(contract, this.period);
  }

  async #send<V extends "offer.list" | "contract.sign">(by: Name, verb: V, payload: Omit<Payload<V>, "net">) {
    await (await this.stage.client(by)).send(verb, payload as never);
  }
}

export async function textOf(lines: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const line of lines) text += line;
  return text;
}
