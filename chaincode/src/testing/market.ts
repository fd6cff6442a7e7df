/** A market over the tests' network: a public data set, a product made from it, who attests, who sells, who buys. */
import { randomUUID } from "node:crypto";
import { type Cell, type Contract, type ContractTerms, defined, type Offer, type Tariff } from "../domain/index.js";
import { sha256Text } from "../log/index.js";
import { privateKeys } from "../world/keys.js";
import type { Sealed } from "../world/stored.js";
import { type Actor, actor } from "./actors.js";
import { IDS, NET, type Name, terms, TestNetwork } from "./test-network.js";
import { heldBy, weatherField } from "./weather.js";

export const MONTH = "2026-03";
export const PUBLIC = "res/weather.daily";
export const PRODUCT = "prd/rain.index";

/** bureau's weather, from which operator makes the product that insurer buys on the exchange. */
export class TestMarket {
  readonly network: TestNetwork;
  readonly exchange: Actor = actor("urn:quanji-test:exchange", "EdDSA");
  readonly assessor: Actor = actor("urn:quanji-test:assessor", "EdDSA");
  /** Lets the operator derive. */
  derive = "";
  /** On the product, from operator to insurer. */
  grant = "";

  private constructor(network: TestNetwork) {
    this.network = network;
  }

  /** Everything up to the product's grant; nothing is offered yet. */
  static async begin(network?: TestNetwork): Promise<TestMarket> {
    const market = new TestMarket(network ?? (await TestNetwork.begin({ testClock: true })));
    await market.join(market.exchange, ["exchange"]);
    await market.join(market.assessor, ["assessor"]);
    await market.network.registerResource("bureau", PUBLIC);
    market.derive = await market.network.granted("operator", PUBLIC, "bureau", {
      terms: terms({ actions: ["query", "derive", "subgrant"] }),
    });
    await market.register("operator", PRODUCT);
    market.grant = await market.network.granted("insurer", PRODUCT, "operator", { right: "operating" });
    return market;
  }

  async join(who: Actor, roles: readonly string[]): Promise<void> {
    await this.network.send(who, "party.register", {
      net: NET,
      party: who.party,
      kind: "foreign",
      name: who.party,
      roles,
      jurisdiction: "CN",
      home: "HolderMSP",
      key: { jwk: who.jwk, purpose: "act", custody: "self" },
    });
    await this.network.send("regulator", "party.admit", { net: NET, party: who.party, roles });
  }

  /** A product made from the public data, unless `change` says otherwise. */
  register(by: Name, id: string, change: object = {}): Promise<void> {
    const product = {
      kind: "product",
      class: "rain.index",
      fields: [weatherField("day", "date", "general-2"), weatherField("rain", "number")],
      lineage: [{ resource: `${PUBLIC}@1`, grant: this.derive }],
      rights: [...heldBy(IDS[by]), { kind: "operating", holder: IDS[by], basis: "own product" }],
      ...change,
    };
    return this.network.registerResource(by, id, defined(product));
  }

  async attest(change: object = {}, by: Name | Actor = this.assessor): Promise<string> {
    const attestation = randomUUID();
    const payload = {
      net: NET,
      attestation,
      kind: "quality",
      subject: `${PRODUCT}@1`,
      result: "pass",
      report: sha256Text("report"),
      ...change,
    };
    await this.network.send(by, "attest", defined(payload));
    return attestation;
  }

  /** Publishes a list; each call is the list's next version. */
  async publish(list: string, version: number, cells: readonly Partial<Cell>[]): Promise<void> {
    const effectiveFrom = new Date(this.network.nowMs).toISOString();
    const any = { from: "any", to: "any", class: "any", purpose: "any", action: "any" };
    await this.network.send("regulator", "boundary.publish", {
      net: NET,
      list,
      version,
      effectiveFrom,
      cells: cells.map((cell) => ({ ...any, ...cell })),
    });
    this.network.nowMs += 1;
  }

  tariff = (change: Partial<Tariff> = {}): Tariff => ({
    unit: "call",
    currency: "CNY",
    tiers: [{ amount: "37", per: 1 }],
    from: "2026-03-01T00:00:00.000Z",
    ...change,
  });

  async list(change: object = {}, by: Name = "operator"): Promise<string> {
    const offer = randomUUID();
    const payload = {
      net: NET,
      offer,
      resource: `${PRODUCT}@1`,
      exchange: this.exchange.party,
      purposes: ["risk.assessment"],
      attestations: [],
      tariff: this.tariff(),
      ...change,
    };
    await this.network.send(by, "offer.list", defined(payload));
    return offer;
  }

  terms = (offer: string, change: Partial<ContractTerms> = {}): ContractTerms => ({
    offer,
    seller: IDS.operator,
    buyer: IDS.insurer,
    exchange: this.exchange.party,
    grant: this.grant,
    until: "2027-01-01T00:00:00.000Z",
    payees: {
      shares: [
        { weight: 4, to: IDS.bureau },
        { weight: 3, to: IDS.operator },
        { weight: 3, to: this.exchange.party },
      ],
    },
    disputeDays: 10,
    counterparts: [],
    ...change,
  });

  sign(by: Name | Actor, contract: string, signed: object, version = 1): Promise<void> {
    return this.network.send(by, "contract.sign", { net: NET, contract, version, terms: defined(signed) });
  }

  /** A contract that all of its parties have signed. */
  async contracted(signed: ContractTerms, by: readonly (Name | Actor)[] = this.parties): Promise<string> {
    const contract = randomUUID();
    for (const party of by) await this.sign(party, contract, signed);
    return contract;
  }

  get parties(): readonly (Name | Actor)[] {
    return ["operator", "insurer", this.exchange];
  }

  offer = (id: string) => (this.network.private(privateKeys.offer(id)) as Sealed<Offer> | undefined)?.value;
  contract = (id: string) => (this.network.private(privateKeys.contract(id)) as Sealed<Contract> | undefined)?.value;
}
