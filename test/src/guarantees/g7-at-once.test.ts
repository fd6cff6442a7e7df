import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { type ContractTerms, reckon, type Tariff } from "@quanji/chaincode/domain";
import { Client, generateKey, openSigner } from "@quanji/client";
import { LOG, type LocalHost } from "../support/host.js";
import { monthsOf, openMarket, PRODUCT } from "../support/sale.js";
import { IDS, type Stage } from "../support/stage.js";
const CONTRACTS = 64;
const TARIFF: Tariff = {
  unit: "call",
  currency: "CNY",
  tiers: [{ amount: "100", per: 1 }],
  minimum: "1001",
  from: "2020-01-01T00:00:00.000Z",
};

/** All entries of a month and currency change one object: whoever comes at the same moment must wait, and nobody is turned away. */
describe("G7: closings of many parties at one moment all succeed, once each", function () {
  this.timeout(0);
  let stage: Stage<LocalHost>;
  let month: string;
  let contracts: { readonly id: string; readonly exchange: Client }[];
  /** Settlements that reached the ledger, and those of them that changed nothing. */
  const seen = { sent: 0, failed: 0 };

  before(async () => {
    stage = await openMarket();
    const { present, toNext } = monthsOf(stage);
    await toNext();
    month = present();
    const exchanges: Client[] = [];
    for (let n = 0; n < CONTRACTS; n++) exchanges.push(await exchangeOf(n));
    const ids: string[] = [];
    for (const exchange of exchanges) ids.push(await contracted(exchange));
    await toNext();
    // Clients learn the clock when they connect.
    contracts = [];
    for (const [n, exchange] of exchanges.entries()) {
      contracts.push({ id: ids[n]!, exchange: await again(exchange) });
    }
    stage.host.ledger.onSubmit = async ({ name }, pass) => {
      if (name !== "settlement:submit") return pass();
      seen.sent++;
      try {
        return await pass();
      } catch (error) {
        seen.failed++;
        throw error;
      }
    };
  });
  after(async () => {
    for (const { exchange } of contracts) await exchange.close();
    await stage.close();
  });

  const keys = new Map<Client, Awaited<ReturnType<typeof openSigner>>>();
  async function connected(key: Awaited<ReturnType<typeof openSigner>>): Promise<Client> {
    const { address, clock } = stage.host;
    const client = await Client.connect({ gateway: address, key, trust: await stage.trust(), clock });
    keys.set(client, key);
    return client;
  }
  async function again(client: Client): Promise<Client> {
    await client.close();
    return connected(keys.get(client)!);
  }

  async function exchangeOf(n: number): Promise<Client> {
    const client = await connected(
      await openSigner({ jwk: await generateKey("EdDSA"), party: `urn:uuid:${randomUUID()}` }),
    );
    await client.parties.register({
      kind: "org",
      name: `Exchange ${n}`,
      roles: ["exchange"],
      jurisdiction: "CN",
      home: "HolderMSP",
      responsibleHead: { name: `head ${n}`, title: "director" },
    });
    await (await stage.client("regulator")).parties.admit(client.party, ["exchange"]);
    return client;
  }

  async function contracted(exchange: Client): Promise<string> {
    const [bureau, insurer] = [await stage.client("bureau"), await stage.client("insurer")];
    const [offer, contract] = [randomUUID(), randomUUID()];
    const grant = await stage.granted("insurer", {}, { resource: PRODUCT });
    const listed = { offer, resource: `${PRODUCT}@1`, purposes: ["risk.assessment"], attestations: [], tariff: TARIFF };
    await bureau.send("offer.list", { ...listed, exchange: exchange.party } as never);
    const terms: ContractTerms = {
      offer,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      exchange: exchange.party,
      grant,
      until: "2098-01-01T00:00:00.000Z",
      payees: {
        shares: [
          { weight: 7, to: IDS.bureau },
          { weight: 3, to: exchange.party },
        ],
      },
      disputeDays: 10,
      counterparts: [],
    };
    for (const client of [bureau, insurer, exchange]) {
      await client.send("contract.sign", { contract, version: 1, terms } as never);
    }
    return contract;
  }

  it("all statements of a month", async () => {
    const { lines, total } = reckon(TARIFF, [], { isFirst: true });
    const logs = [{ log: LOG, from: 0, to: 0 }];
    const nothing = { tariff: 1, logs, held: [], measured: [] };
    const closings = contracts.map(({ id, exchange }) =>
      exchange.send("statement.close", {
        contract: id,
        period: month,
        ...nothing,
        lines,
        total: String(total),
      }),
    );
    await Promise.all(closings);
    // At one gateway they take turns, so none was endorsed in vain.
    expect(seen).to.deep.equal({ sent: CONTRACTS, failed: 0 });
    const books = await (await stage.client("regulator")).books.get(month, "CNY");
    expect(books).to.include({ entries: CONTRACTS, clearing: "0", state: "open" });
    const balances = new Map(books.accounts.map(({ party, balance }) => [party, balance]));
    expect(balances.get(IDS.insurer)).to.equal(String(-1001 * CONTRACTS));
    expect(balances.get(IDS.bureau)).to.equal(String(701 * CONTRACTS));
    expect(contracts.map(({ exchange }) => balances.get(exchange.party))).to.deep.equal(contracts.map(() => "300"));
    expect(balances.size).to.equal(CONTRACTS + 2);
  });

  it("all payments of a month, confirmed by their second side, and a command that comes twice meanwhile", async () => {
    const payment = "A".repeat(43);
    const payer = await stage.client("insurer");
    const invoices = await Promise.all(
      contracts.map(async ({ id, exchange }, n) => {
        const invoice = randomUUID();
        const of = { contract: id, period: month, invoice };
        const digest = "A".repeat(43);
        await exchange.send("invoice.issue", { ...of, code: codeOf(2 * n), digest });
        const paid = { ...of, amount: "1001", payment };
        await payer.send("invoice.settle", paid);
        return { exchange, paid: { ...paid, voucher: { code: codeOf(2 * n + 1), digest } } };
      }),
    );
    seen.sent = 0;
    const signed = await Promise.all(
      invoices.map(async ({ exchange, paid }) => {
        const command = await exchange.sign("invoice.settle", paid);
        return [exchange, command] as const;
      }),
    );
    const answers = await Promise.all(
      signed.flatMap(([exchange, command]) => [1, 2].map(() => exchange.sendSigned("invoice.settle", command))),
    );
    expect(new Set(answers.map(({ txId }) => txId)).size).to.equal(CONTRACTS);
    expect(seen).to.deep.equal({ sent: CONTRACTS, failed: 0 });
    const books = await (await stage.client("regulator")).books.get(month, "CNY");
    expect(books).to.include({ entries: 2 * CONTRACTS });
    const balances = new Map(books.accounts.map(({ party, balance }) => [party, balance]));
    expect(balances.has(IDS.insurer)).to.equal(false);
    expect(contracts.map(({ exchange }) => balances.get(exchange.party))).to.deep.equal(
      contracts.map(() => String(300 - 1001)),
    );
    expect(books.accounts.reduce((sum, { balance }) => sum + BigInt(balance), 0n)).to.equal(0n);
  });
});

const codeOf = (n: number): string => String(n).padStart(26, "0");
