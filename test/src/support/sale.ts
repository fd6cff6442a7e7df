/** A product that the bureau sells to the insurer under a contract: what suites on a month's money begin with. */
import { randomUUID } from "node:crypto";
import {
  type Code,
  type ContractTerms,
  isQuanjiError,
  monthAfter,
  type Payload,
  type Tariff,
} from "@quanji/chaincode/domain";
import { heldBy } from "@quanji/chaincode/testing";
import { expect } from "chai";
import { type LocalHost, NET } from "./host.js";
import { IDS, RESOURCE, Stage } from "./stage.js";

export const PRODUCT = "res/route.eta";
export const DAY_MS = 86_400_000;

/** On a network whose clock a test may set, with the product registered. */
export async function openMarket(): Promise<Stage<LocalHost>> {
  const stage = await Stage.open({
    resources: [RESOURCE, PRODUCT],
    config: { network: { net: NET, testClock: true } },
  });
  await stage.register(PRODUCT, {
    rights: [...heldBy(IDS.bureau), { kind: "operating", holder: IDS.bureau, basis: "own product" }],
  });
  return stage;
}

export interface Sale {
  readonly grant: string;
  readonly contract: string;
  readonly terms: ContractTerms;
}

/** Grant, offer and contract, which both have signed. The tariff is of calls, in fen, and applies since long ago. */
export async function sell(
  stage: Stage,
  tiers: Tariff["tiers"],
  change: Partial<Pick<ContractTerms, "payees" | "counterparts">> = {},
): Promise<Sale> {
  const grant = await stage.granted("insurer", {}, { resource: PRODUCT });
  const offer = randomUUID();
  const listed: Omit<Payload<"offer.list">, "net"> = {
    offer,
    resource: `${PRODUCT}@1`,
    purposes: ["risk.assessment"],
    attestations: [],
    tariff: { unit: "call", currency: "CNY", tiers, from: "2020-01-01T00:00:00.000Z" },
  };
  await (await stage.client("bureau")).send("offer.list", listed as never);
  const terms: ContractTerms = {
    offer,
    seller: IDS.bureau,
    buyer: IDS.insurer,
    grant,
    until: "2098-01-01T00:00:00.000Z",
    payees: { shares: [{ weight: 1, to: IDS.bureau }] },
    disputeDays: 10,
    counterparts: [],
    ...change,
  };
  const contract = randomUUID();
  await sign(stage, contract, 1, terms);
  return { grant, contract, terms };
}

/** Both sign a version of the contract. */
export async function sign(stage: Stage, contract: string, version: number, terms: ContractTerms): Promise<void> {
  for (const by of ["bureau", "insurer"] as const) {
    await (await stage.client(by)).send("contract.sign", { contract, version, terms } as never);
  }
}

/** The insurer uses the product so many times; each delivery's own record stands when this is done. */
export async function use(stage: Stage, { grant }: Sale, times: number, accept = false): Promise<void> {
  const insurer = await stage.client("insurer", { accept });
  for (let n = 0; n < times; n++) await stage.handedOver(insurer, stage.access(grant, { resource: PRODUCT }));
}

/** In the network's time zone. */
export const monthAt = (timeMs: number): string => new Date(timeMs + 8 * 3_600_000).toISOString().slice(0, 7);

export interface Months {
  /** The month that it is, in the network's time zone. */
  readonly present: () => string;
  /** To the next one's middle, so that nothing crosses the end of a month. */
  readonly toNext: () => Promise<void>;
}

/** For a suite that moves the network's clock in no other way. */
export function monthsOf(stage: Stage): Months {
  let aheadMs = 0;
  const nowMs = (): number => stage.host.clock() + aheadMs;
  const present = (): string => monthAt(nowMs());
  return {
    present,
    toNext: async () => {
      const ms = Date.parse(`${monthAfter(present())}-15T00:00:00.000Z`) - nowMs();
      await stage.later(ms);
      aheadMs += ms;
    },
  };
}

export async function textOf(lines: AsyncIterable<string>, end = ""): Promise<string> {
  let text = "";
  for await (const line of lines) text += line + end;
  return text;
}

export async function expectCode(call: Promise<unknown>, code: Code): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isQuanjiError(error, code), String(error)).to.equal(true);
}
