/** What a verifier has of an offer or a contract is its chain: replayed by the same functions it is what the ledger stores. */
import { randomUUID } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import {
  applyContract,
  applyOffer,
  type CommandFacts,
  type Contract,
  type ContractCommand,
  contractMonth,
  type ContractTerms,
  endOf,
  instant,
  monthBounds,
  monthOf,
  tariffOf,
  nextMonthMs,
  type Offer,
  type OfferCommand,
  parsePayload,
  type Role,
} from "../domain/index.js";
import { parseCommandJws, partyOf, verbOf } from "../log/index.js";
import { NET } from "../testing/test-network.js";
import { TestMarket } from "../testing/market.js";
import type { StoredCommand } from "../world/stored.js";

const ZONE = "+08:00";
const DAY = 86_400_000;

interface Replayed {
  readonly command: OfferCommand | ContractCommand;
  readonly facts: CommandFacts;
}

/** Commands of one chain, in order, as a trail would show them. */
function chainOf(market: TestMarket, kind: "offer" | "contract", id: string): readonly Replayed[] {
  const stored = [...market.network.state.values]
    .filter(([key]) => key.includes("\u0000command/"))
    .map(([, text]) => JSON.parse(text) as StoredCommand)
    .flatMap((each) =>
      each.chains.filter((chain) => chain.kind === kind && chain.id === id).map(({ n }) => ({ n, each })),
    );
  return stored
    .sort((a, b) => a.n - b.n)
    .map(({ each: { entry, command } }) => {
      const jws = parseCommandJws(command);
      const verb = verbOf(jws.header.typ) as OfferCommand["verb"];
      const { request, time, tx } = JSON.parse(entry) as Pick<CommandFacts, "request" | "time" | "tx">;
      const signer = partyOf(jws.header.kid);
      const signerRoles: readonly Role[] = signer === market.network.actors.regulator.party ? ["regulator"] : [];
      const facts = { request, time, tx, timeMs: Date.parse(time), signer, signerRoles, kid: jws.header.kid };
      return { command: { verb, payload: parsePayload(verb, jws.payload) } as OfferCommand, facts };
    });
}

const step = fc.record({
  what: fc.constantFrom("sign", "sign", "sign", "publish", "terminate", "delist"),
  by: fc.constantFrom("operator", "insurer", "exchange", "legal", "regulator"),
  days: fc.integer({ min: 0, max: 20 }),
  dispute: fc.integer({ min: 1, max: 2 }),
  version: fc.integer({ min: 1, max: 4 }),
});

describe("contracts: replay of the market's chains", () => {
  it("leads to the stored offer and contract, whatever was tried", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (steps) => {
        const market = await TestMarket.begin();
        const { network } = market;
        const offer = await market.list();
        const contract = randomUUID();
        const agreed = market.terms(offer);
        for (const { what, by, days, dispute, version } of steps) {
          network.nowMs += days * DAY;
          const signer = by === "exchange" ? market.exchange : network.actors[by];
          const from = instant(nextMonthMs(network.nowMs, ZONE));
          const sent = {
            sign: () =>
              market.sign(signer, contract, { ...agreed, disputeDays: dispute } satisfies ContractTerms, version),
            publish: () =>
              network.send(signer, "tariff.publish", { net: NET, offer, version, tariff: market.tariff({ from }) }),
            terminate: () => network.send(signer, "contract.terminate", { net: NET, contract }),
            delist: () => network.send(signer, "offer.delist", { net: NET, offer }),
          }[what as "sign"]();
          await sent.catch(() => undefined);
        }
        let replayedOffer: Offer | undefined;
        for (const { command, facts } of chainOf(market, "offer", offer)) {
          replayedOffer = applyOffer(replayedOffer, command as OfferCommand, facts, ZONE);
        }
        expect(replayedOffer).to.deep.equal(market.offer(offer));
        let replayed: Contract | undefined;
        for (const { command, facts } of chainOf(market, "contract", contract)) {
          replayed = applyContract(replayed, command as ContractCommand, facts, ZONE);
        }
        expect(replayed).to.deep.equal(market.contract(contract));
        if (replayed !== undefined && replayedOffer !== undefined) assertMonths(replayed, replayedOffer);
      }),
      { numRuns: 25 },
    );
  });
});

/** Months of a contract follow on each other without gap or overlap, from its beginning to its end; others are refused. */
function assertMonths(contract: Contract, offer: Offer): void {
  const begun = contract.versions[0]?.from;
  const end = endOf(contract);
  if (begun === undefined || end === undefined) {
    expect(() => contractMonth(contract, "2026-03", ZONE)).to.throw();
    return;
  }
  let at = Date.parse(begun);
  while (at < end) {
    const month = monthOf(at, ZONE);
    const billed = contractMonth(contract, month, ZONE);
    expect(billed.fromMs).to.equal(at);
    expect(billed.toMs).to.equal(Math.min(end, monthBounds(month, ZONE).untilMs));
    expect(billed.isFirst).to.equal(at === Date.parse(begun));
    expect(Date.parse(tariffOf(offer, billed).tariff.from)).to.be.at.most(at);
    at = billed.toMs;
  }
  expect(at).to.equal(Math.max(end, Date.parse(begun)));
  expect(() => contractMonth(contract, monthOf(end + 40 * DAY, ZONE), ZONE)).to.throw();
}
