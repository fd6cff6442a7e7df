import { randomBytes, randomUUID } from "node:crypto";
import { createChaincode } from "@quanji/chaincode/contracts";
import {
  COMMANDS,
  type Grant,
  instant,
  monthOf,
  reckon,
  recordLeaf,
  stopDigest,
  type Tariff,
  type Verb,
} from "@quanji/chaincode/domain";
import {
  canonical,
  hashText,
  possessionBytes,
  possessionInput,
  sha256Text,
  thumbprint,
  toBase64url,
} from "@quanji/chaincode/log";
import {
  type Actor,
  actor,
  ethereumActor,
  heldBy,
  IDS,
  LOG,
  type Name,
  NET,
  randomText,
  resourcePayload,
  terms,
} from "@quanji/chaincode/testing";
import { nodeVerifier, publicKeys, TRANSACTIONS } from "@quanji/chaincode/world";
import { expect } from "chai";
import { HOSTILE_VALUES, TEMPLATES } from "../../attacks/payloads.js";
import { type CommandVerb, type Draft, isCommand, RESOURCES, TERMS } from "../../conformance/contracts/drafts.js";
import { PairedNetwork } from "../../conformance/contracts/paired-network.js";
import { EXCHANGE_LOG, type Gateway, GATEWAYS, Scene } from "../../conformance/contracts/scene.js";
import { sign, transactionOf, unsigned } from "../../conformance/contracts/signing.js";
import { sendingAtRandom } from "../../conformance/contracts/transactions.js";
import { Dice } from "../../conformance/dice.js";
import { deploy, type DeployedNetwork } from "../../conformance/network.js";
import { type Ended, Pair } from "../../conformance/pair.js";

const contracts = createChaincode({ verify: nodeVerifier() });

/** What the random part draws at least, and at most until it has met all of {@link RULES}. */
const DRAWS = 400;
const MOST_DRAWS = 3_000;
const RULES = ["permit", "GRANT_REVOKED", "PURPOSE_OUTSIDE_GRANT"];
/** What it has to append at least once, and what it has to do to records afterwards. */
const RECORDS = ["access", "delivery", "acceptance", "void", "tally", "index"];
const AFTERWARDS = ["record.erase", "record.seal", "record.unseal"];

const VERBS = Object.keys(COMMANDS) as Verb[];
const [WEATHER, , BUS] = RESOURCES;
/** In the form of a JWE: what is in it, no chaincode can tell. */
const SEALED = `${"A".repeat(40)}..${"A".repeat(16)}.${"A".repeat(90)}.${"A".repeat(22)}`;
const GROUND = { ground: "what it rests on" };
const OPEN = { terms: terms(TERMS) };

describe("G9 the contracts on both ledgers", () => {
  let deployed: DeployedNetwork;
  let pair: Pair;
  let network: PairedNetwork;
  let scene: Scene;
  const dice = Dice.roll();

  before(async () => {
    deployed = await deploy("small");
    pair = await Pair.open({ network: deployed.network, contracts });
    network = new PairedNetwork(pair);
    scene = new Scene(network, dice);
  });
  after(async () => {
    await pair.close();
    await deployed[Symbol.asyncDispose]();
  });

  const send = (
    by: Name | Actor,
    verb: CommandVerb,
    payload: object,
    more: Partial<Draft> & { readonly via?: Gateway } = {},
  ): Promise<Ended> => {
    const signer = typeof by === "string" ? network.actors[by] : by;
    const draft = { by: signer, payload: { net: NET, ...payload }, via: GATEWAYS.holder, ...more };
    const words = unsigned(scene, verb, `/v1/commands/${verb}`, draft);
    const { msp, request } = transactionOf(verb, draft, sign(words), words.openings);
    return network.attempt(msp, request);
  };
  const done = async (...args: Parameters<typeof send>): Promise<void> => {
    expect((await send(...args)).outcome, args[1]).to.deep.equal({ result: "{}" });
  };
  const offsetMs = (): number => (network.get(publicKeys.clock) as { readonly offsetMs: number }).offsetMs;
  const codeOf = ({ outcome }: Ended): string => ("result" in outcome ? "done" : (outcome.code ?? outcome.fault));
  const stateOf = (id: string): Grant["state"] | undefined => network.grant(id)?.state;
  const stopped = (verb: "grant.suspend" | "grant.revoke", grant: string, epoch = 1): Promise<void> =>
    done(
      "bureau",
      verb,
      { target: stopDigest(grant), epoch },
      {
        transient: { grant },
        transaction: TRANSACTIONS.stop,
        secrets: GROUND,
      },
    );

  it("begin a network: gateways and logs of two organisations, parties, resources", async () => {
    await network.found({ testClock: true });
    for (const { name, msp, url: publicUrl } of [GATEWAYS.exchange, GATEWAYS.regulator]) {
      const { jwk } = actor(name, "EdDSA");
      await done("regulator", "gateway.register", { gateway: { name, msp, publicUrl, jwk } });
    }
    const log = { log: EXCHANGE_LOG, gateway: "exchange", vkey: "test" };
    await done("regulator", "log.create", log, { via: GATEWAYS.exchange, transient: { secret: randomText(32) } });
    for (const id of RESOURCES) {
      const place = id.startsWith("res/bus") ? { servedBy: "ExchangeMSP", logs: [EXCHANGE_LOG] } : {};
      await network.registerResource("bureau", id, { class: id.slice("res/".length), ...place });
    }
    await done("regulator", "clock.set", { offsetMs: 5 }, { via: GATEWAYS.regulator });
  });

  it("keep parties, their keys, resources, lists and orders", async () => {
    const newcomer = scene.newcomer();
    const { party, jwk } = newcomer;
    await done(
      newcomer,
      "party.register",
      {
        party,
        kind: "org",
        name: "新 Newcomer",
        roles: ["user"],
        jurisdiction: "CN",
        home: "ExchangeMSP",
        key: { jwk, purpose: "act", custody: "self" },
      },
      { secrets: { responsibleHead: { name: "Han Mei" } }, via: GATEWAYS.regulator },
    );
    await done("regulator", "party.admit", { party, roles: ["user"] });
    const next = actor(party, "EdDSA");
    const possession = toBase64url(next.sign(possessionInput(NET, party, next.jwk)));
    await done(newcomer, "party.rotateKey", {
      party,
      key: { jwk: next.jwk, purpose: "act", custody: "self" },
      possession,
    });
    const account = ethereumActor(party, randomBytes(32));
    await done(next, "party.rotateKey", {
      party,
      key: { jwk: { ...account.jwk }, purpose: "act", custody: "self" },
      possession: toBase64url(account.sign(possessionBytes(NET, party, account.jwk))),
    });
    const compromised = { party, thumbprint: thumbprint(jwk), since: instant(network.now() - 1) };
    await done(account, "party.compromiseKey", compromised);
    expect(codeOf(await send(newcomer, "party.compromiseKey", compromised))).to.equal("KEY_INVALID");
    scene.keys.set(party, [next]);
    const escrow = actor(IDS.regulator);
    await done("regulator", "party.rotateKey", {
      party: IDS.regulator,
      key: { jwk: { ...escrow.jwk }, purpose: "escrow", custody: "self" },
      possession: toBase64url(escrow.sign(possessionInput(NET, IDS.regulator, escrow.jwk))),
    });
    const tagKey = { party, quarter: "2026Q4", commitment: thumbprint(jwk), recipient: escrow.kid };
    await done(next, "party.tagKey", tagKey, { secrets: { escrow: SEALED } });
    expect(codeOf(await send(next, "party.tagKey", tagKey, { secrets: { escrow: SEALED } }))).to.equal(
      "STATE_CONFLICT",
    );
    const opened = { party, quarter: "2026Q4" };
    await done("regulator", "party.openTagKey", opened, { secrets: GROUND });
    expect(codeOf(await send(next, "party.openTagKey", opened, { secrets: GROUND }))).to.equal("ROLE_REQUIRED");
    await done("regulator", "party.suspend", { party }, { secrets: GROUND });
    await done("regulator", "party.resume", { party });

    const {
      net: _net,
      steward: _by,
      servedBy: _where,
      logs: _logs,
      kind: _kind,
      ...fresh
    } = resourcePayload("bureau", "res/x.a");
    await network.registerResource("bureau", "res/x.a", { class: "x.a" });
    await done("bureau", "resource.amend", { ...fresh, version: 2 }, { secrets: { responsibleHead: "Han Mei" } });
    await done("bureau", "resource.suspend", { resource: "res/x.a" }, { secrets: GROUND });
    await done("regulator", "resource.resume", { resource: "res/x.a" });

    const cell = { from: "any", to: "any", class: "any", purpose: "gambling", action: "any", effect: "forbid" };
    const effectiveFrom = instant(network.now() + 60_000);
    await done("regulator", "boundary.publish", { list: "first", version: 1, effectiveFrom, cells: [cell] });

    const order = randomUUID();
    await done(
      "regulator",
      "order.freeze",
      { order, target: { kind: "resource", id: "res/x.a" } },
      { secrets: GROUND },
    );
    expect(network.get(publicKeys.orders)).to.have.nested.property("entries[0].id", order);
    await done("regulator", "order.lift", { order }, { secrets: GROUND });
  });

  it("take a grant through its route, hand it on, stop, fold and resume it, and end it in each way", async () => {
    const grant = await network.granted("insurer", WEATHER, "bureau", {
      depth: 1,
      terms: terms({ ...TERMS, actions: ["query", "subgrant"] }),
    });
    const derived = randomUUID();
    await done("insurer", "grant.derive", {
      grant: derived,
      resource: `${WEATHER}@1`,
      depth: 0,
      logs: [LOG],
      ...OPEN,
      grantee: IDS.operator,
      ancestors: [grant],
    });
    expect([stateOf(grant), stateOf(derived)]).to.deep.equal(["active", "active"]);

    const offered = randomUUID();
    const offer = { resource: `${WEATHER}@1`, depth: 0, logs: [LOG], ...OPEN, right: "holding", route: [[IDS.bureau]] };
    await done("bureau", "grant.offer", { ...offer, grant: offered, grantee: IDS.operator });
    expect(codeOf(await send("insurer", "grant.accept", { grant: offered }))).to.equal("ROLE_REQUIRED");
    await done("operator", "grant.accept", { grant: offered });
    const refused = await network.request("insurer", WEATHER, "bureau", OPEN);
    await done("bureau", "grant.refuse", { grant: refused }, { secrets: GROUND });
    const withdrawn = await network.request("insurer", WEATHER, "bureau", OPEN);
    await done("insurer", "grant.withdraw", { grant: withdrawn });
    expect([offered, refused, withdrawn].map(stateOf)).to.deep.equal(["active", "refused", "withdrawn"]);

    await stopped("grant.suspend", grant);
    expect(codeOf(await send("bureau", "grant.resume", { grant, epoch: 1 }))).to.equal("STOP_PENDING");
    await network.fold(grant);
    await done("bureau", "grant.resume", { grant, epoch: 1 });
    expect(network.grant(grant)).to.include({ state: "active", epoch: 2 });
    await stopped("grant.revoke", offered);
    await network.fold(offered);
    const target = { target: stopDigest(derived), epoch: 1 };
    await done("regulator", "grant.suspend", target, { transient: { grant: derived } });
    await done("regulator", "grant.revoke", target, { transient: { grant: derived } });
    expect([offered, derived].map(stateOf)).to.deep.equal(["revoked", "revoked"]);
  });

  it("record permits, denials, voids, deliveries, acceptances and tallies, and refuse a batch for one record in it", async () => {
    const quota = { ...terms(TERMS), quota: { unit: "call", n: 2, per: "window" } };
    const grant = await network.granted("insurer", WEATHER, "bureau", { terms: quota });
    const use = (change: object = {}) => network.access("insurer", { grant, ...change });
    const { stored } = await network.record([
      await use(),
      await use({ purpose: "gambling" }),
      await use(),
      await use(),
      await use({ grant: randomUUID() }),
    ]);
    const rules = stored.records.map(({ body }) => (JSON.parse(body) as { rule: string }).rule);
    expect(rules).to.deep.equal(["permit", "PURPOSE_OUTSIDE_GRANT", "permit", "QUOTA_EXCEEDED", "GRANT_MISSING"]);

    const erasure = (named: object) => ({
      resource: WEATHER,
      log: LOG,
      basis: "request",
      records: [{ index: stored.first + 1, fields: ["operator"], ...named }],
    });
    const { id } = JSON.parse(stored.records[1]!.body) as { id: string };
    const at1 = { transient: { firsts: JSON.stringify([stored.first]) } };
    expect(codeOf(await send("stranger", "record.erase", erasure({ id }), at1))).to.equal("NOT_FOUND");
    await done("insurer", "record.erase", erasure({ id }), { ...at1, secrets: GROUND });
    expect(codeOf(await send("bureau", "record.erase", erasure({ id }), at1))).to.equal("STATE_CONFLICT");

    const order = randomUUID();
    const records = [{ index: stored.first + 1, leaf: hashText(recordLeaf(stored.records[1]!)) }];
    const until = instant(network.now() + 3_600_000);
    const sealing = { resource: WEATHER, log: LOG, order, authority: "督查", until, records };
    expect(codeOf(await send("bureau", "record.seal", sealing, { ...at1, secrets: GROUND }))).to.equal("ROLE_REQUIRED");
    await done("regulator", "record.seal", sealing, { ...at1, secrets: GROUND });
    const lift = { resource: WEATHER, order };
    await done("regulator", "record.unseal", lift, { secrets: GROUND });
    expect(codeOf(await send("regulator", "record.unseal", lift, { secrets: GROUND }))).to.equal("STATE_CONFLICT");

    const voided = { net: NET, log: LOG, seq: network.nextSeq(network.actors.insurer.kid) };
    const options = { url: `${GATEWAYS.holder.url}/v1/commands/access.void` };
    const request = await network.sign("insurer", "access.void", voided, options);
    // In the order of their places: within a log times never decrease.
    const lost = { type: "void" as const, request, ...network.item() };
    const delivery = {
      type: "delivery" as const,
      ...network.item(),
      access: stored.first,
      first: stored.first,
      bytes: 3,
      digest: sha256Text("abc"),
      masked: [],
      outcome: "failed" as const,
      rows: 0,
    };
    await network.record([lost, delivery]);
    const delivered = { ...delivery, ...network.item(), outcome: "delivered" as const };
    const third = { ...delivered, access: stored.first + 2 };
    const at = (await network.record([third])).stored.first;
    const accepted = { net: NET, log: LOG, record: third.access, digest: third.digest, rows: third.rows };
    const toAccept = { url: `${GATEWAYS.holder.url}/v1/commands/access.accept` };
    const acceptance = async (change: object = {}, by: "insurer" | "stranger" = "insurer") => ({
      type: "acceptance" as const,
      ...network.item(),
      delivery: at,
      first: at,
      request: await network.sign(by, "access.accept", { ...accepted, ...change }, toAccept),
    });
    const early = [await acceptance({}, "stranger"), await acceptance({ rows: 7 })] as const;
    for (const [i, code] of (["NOT_FOUND", "STATE_CONFLICT"] as const).entries()) {
      const refusal = await network.record([early[i]!]).then(String, (error: unknown) => String(error));
      expect(refusal).to.contain(code);
    }
    await network.record([await acceptance()]);
    const source = actor(IDS.bureau, "EdDSA");
    await done("bureau", "party.rotateKey", {
      party: IDS.bureau,
      key: { jwk: { ...source.jwk }, purpose: "tally", custody: "self" },
      possession: Buffer.from(source.sign(possessionInput(NET, IDS.bureau, source.jwk))).toString("base64url"),
    });
    const window = { net: NET, log: LOG, resource: WEATHER, from: stored.first, to: at, served: 1 };
    const toTally = { url: `${GATEWAYS.holder.url}/v1/commands/tally.sign` };
    const tally = async (by: Parameters<typeof network.sign>[0]) => ({
      type: "tally" as const,
      ...network.item(),
      request: await network.sign(by, "tally.sign", window, toTally),
    });
    await network.record([await tally(source)]);
    scene.source = source;
    // Nothing arrived, so a call of the quota is back.
    expect(await network.decide(await use(), await use())).to.deep.equal(["permit", "QUOTA_EXCEEDED"]);
    const allot = (n: number): Promise<Ended> => send("bureau", "grant.allot", { grant, allotted: [{ log: LOG, n }] });
    expect([codeOf(await allot(2)), codeOf(await allot(1))]).to.deep.equal(["done", "STATE_CONFLICT"]);

    const size = network.log()?.size;
    for (const [code, records] of [
      ["COMMAND_REPLAYED", [await use(), await use({ seq: 0 })]],
      ["COMMAND_REPLAYED", [{ type: "void" as const, request, ...network.item() }]],
      ["STATE_CONFLICT", [await use(), await acceptance()]],
      ["STATE_CONFLICT", [await use(), await tally(source)]],
      ["ROLE_REQUIRED", [await tally("stranger")]],
      ["NOT_FOUND", [await use(), { ...delivery, ...network.item(), access: stored.first + 1 }]],
      ["COMMAND_MISDIRECTED", [await use({ net: "quanji.test/other" })]],
    ] as const) {
      const refusal = await network.record(records).then(String, (error: unknown) => String(error));
      expect(refusal).to.contain(code);
    }
    expect(network.log()?.size).to.equal(size);
  });

  it("list what is attested and capped, contract over it, change that and end it", async () => {
    const id = "prd/rain.index";
    const rights = [...heldBy(IDS.bureau), { kind: "operating", holder: IDS.bureau, basis: "own product" }];
    await network.registerResource("bureau", id, { class: "rain.index", rights });
    const exchange = actor("urn:quanji:test-exchange");
    const registered = {
      party: exchange.party,
      kind: "foreign",
      roles: ["exchange", "assessor"],
      jurisdiction: "CN",
      home: "HolderMSP",
      key: { jwk: exchange.jwk, purpose: "act", custody: "self" },
    };
    await done(exchange, "party.register", registered);
    await done("regulator", "party.admit", { party: exchange.party, roles: registered.roles });

    const attestation = randomUUID();
    const examined = { kind: "quality", subject: `${id}@1`, result: "pass", report: sha256Text("report") };
    expect(codeOf(await send("bureau", "attest", { attestation, ...examined }))).to.equal("ROLE_REQUIRED");
    await done(exchange, "attest", { attestation, ...examined }, { secrets: { findings: "none" } });
    const cap = {
      resource: id,
      version: 1,
      unit: "call",
      currency: "CNY",
      amount: "40",
      from: "2098-01-01T00:00:00.000Z",
    };
    await done("regulator", "price.cap", cap);
    expect(codeOf(await send("regulator", "price.cap", cap))).to.equal("STATE_CONFLICT");
    const cell = { from: IDS.bureau, to: "any", class: "rain.index", purpose: "any", action: "any" };
    const rule = { ...cell, effect: "exchangeOnly", requires: ["quality"] };
    const effectiveFrom = instant(network.now() + 3_000);
    await done("regulator", "boundary.publish", { list: "market", version: 1, effectiveFrom, cells: [rule] });
    await done("regulator", "clock.set", { offsetMs: 10_000 });

    const offer = randomUUID();
    const tariff = {
      unit: "call",
      currency: "CNY",
      tiers: [{ amount: "37", per: 1 }],
      from: "2020-01-01T00:00:00.000Z",
    };
    const listing = { offer, resource: `${id}@1`, purposes: ["risk.assessment"], attestations: [attestation], tariff };
    expect(codeOf(await send("bureau", "offer.list", listing))).to.equal("OFF_EXCHANGE");
    const onExchange = { ...listing, exchange: exchange.party };
    expect(codeOf(await send("bureau", "offer.list", { ...onExchange, attestations: [] }))).to.equal(
      "ATTESTATION_MISSING",
    );
    await done("bureau", "offer.list", onExchange);
    const later = { ...tariff, from: "2098-01-31T16:00:00.000Z", tiers: [{ amount: "41", per: 1 }] };
    expect(codeOf(await send("bureau", "tariff.publish", { offer, version: 2, tariff: later }))).to.equal(
      "CAP_EXCEEDED",
    );
    const within = { ...later, tiers: [{ amount: "40", per: 1 }] };
    await done("bureau", "tariff.publish", { offer, version: 2, tariff: within });

    const grant = await network.granted("insurer", id, "bureau", OPEN);
    const contract = randomUUID();
    const agreed = {
      offer,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      exchange: exchange.party,
      grant,
      until: "2098-01-01T00:00:00.000Z",
      payees: { shares: [{ weight: 1, to: IDS.bureau }] },
      disputeDays: 10,
      counterparts: [],
    };
    const signs = (by: Name | Actor, version = 1, change: object = {}): Promise<Ended> =>
      send(by, "contract.sign", { contract, version, terms: { ...agreed, ...change } });
    expect(codeOf(await signs("bureau"))).to.equal("done");
    expect(codeOf(await signs("insurer", 1, { disputeDays: 11 }))).to.equal("STATE_CONFLICT");
    expect([codeOf(await signs("insurer")), codeOf(await signs(exchange))]).to.deep.equal(["done", "done"]);
    expect(codeOf(await signs("insurer", 2, { disputeDays: 11 }))).to.equal("done");
    expect(codeOf(await send("legal", "contract.terminate", { contract }))).to.equal("NOT_FOUND");
    await done("insurer", "contract.terminate", { contract }, { secrets: GROUND });
    await done(exchange, "offer.delist", { offer }, { secrets: GROUND });
    await done(exchange, "attestation.withdraw", { attestation }, { secrets: GROUND });
  });

  it("settle a month: figure, statement, dispute, adjustment, documents, payment, books", async () => {
    const id = "prd/rain.month";
    const rights = [...heldBy(IDS.bureau), { kind: "operating", holder: IDS.bureau, basis: "own product" }];
    await network.registerResource("bureau", id, { class: "rain.month", rights });
    const tariff: Tariff = {
      unit: "period",
      currency: "CNY",
      tiers: [{ amount: "100000", per: 1 }],
      performance: { indicator: "uptime", none: 900, full: 1_000, heldBps: 2_000 },
      from: "2020-01-01T00:00:00.000Z",
    };
    const [offer, contract] = [randomUUID(), randomUUID()];
    await done("bureau", "offer.list", {
      ...{ offer, resource: `${id}@1`, purposes: ["risk.assessment"], attestations: [], tariff },
    });
    const agreed = {
      offer,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      grant: await network.granted("insurer", id, "bureau", OPEN),
      until: "2098-01-01T00:00:00.000Z",
      payees: {
        shares: [
          { weight: 6, to: IDS.bureau },
          { weight: 4, to: IDS.legal },
        ],
      },
      disputeDays: 10,
      counterparts: [],
      measurer: IDS.legal,
    };
    for (const by of ["bureau", "insurer"] as const) {
      await done(by, "contract.sign", { contract, version: 1, terms: agreed });
    }
    const of = { contract, period: monthOf(network.now(), "+08:00") };
    const indicator = { indicator: "uptime", value: "950" };
    expect(codeOf(await send("legal", "indicator.sign", { ...of, indicator }))).to.equal("STATE_CONFLICT");
    await done("regulator", "clock.set", { offsetMs: offsetMs() + 32 * 86_400_000 });
    await done("legal", "indicator.sign", { ...of, indicator });

    const { lines, total } = reckon(tariff, [], { isFirst: true, indicator });
    const closing = { tariff: 1, logs: [{ log: LOG, from: 0, to: 1 }], lines, held: [], measured: [] };
    expect(total).to.equal(90_000n);
    expect(codeOf(await send("bureau", "statement.close", { ...of, ...closing, total: "90001" }))).to.equal(
      "TOTAL_MISMATCH",
    );
    await done("bureau", "statement.close", { ...of, ...closing, total: "90000" });

    const dispute = randomUUID();
    const digest = sha256Text("document");
    const code = (last: number): string => String(last).padStart(26, "0");
    const disputed = { dispute, deliveries: [{ log: LOG, index: 0, leaf: digest }], evidence: [digest] };
    await done("insurer", "statement.dispute", { ...of, ...disputed }, { secrets: GROUND });
    const invoice = randomUUID();
    const issued = { ...of, invoice, code: code(1), digest };
    expect(codeOf(await send("bureau", "invoice.issue", issued))).to.equal("EVIDENCE_MISSING");
    const dismissed = { adjustment: randomUUID(), dispute, kind: "dismiss", quantity: "0", free: "0", amount: "0" };
    await done("bureau", "statement.adjust", { ...of, ...dismissed }, { secrets: GROUND });
    const assigned = { adjustment: randomUUID(), kind: "assign", weights: [], quantity: "0", free: "0", amount: "0" };
    expect(codeOf(await send("bureau", "statement.adjust", { ...of, ...assigned }))).to.equal("STATE_CONFLICT");
    await done("bureau", "invoice.issue", issued);
    expect(codeOf(await send("bureau", "invoice.issue", { ...issued, invoice: randomUUID() }))).to.equal(
      "STATE_CONFLICT",
    );

    const certificate = randomUUID();
    const certified = { ...of, certificate, code: code(2), digest, statusIndex: 0 };
    expect(codeOf(await send("bureau", "certificate.issue", { ...certified, statusIndex: 1 }))).to.not.equal("done");
    await done("bureau", "certificate.issue", certified);
    await done("bureau", "certificate.revoke", { ...of, certificate }, { secrets: GROUND });

    const payment = { ...of, invoice, amount: "90000", payment: digest };
    await done("insurer", "invoice.settle", payment);
    await done("bureau", "invoice.settle", { ...payment, voucher: { code: code(3), digest } });
    const books = { period: of.period, currency: "CNY" };
    const transfers = [
      { party: IDS.bureau, amount: "-36000" },
      { party: IDS.legal, amount: "36000" },
    ];
    expect(codeOf(await send("regulator", "books.close", { ...books, transfers: [] }))).to.equal("EVIDENCE_MISSING");
    await done("regulator", "books.close", { ...books, transfers });
    expect(codeOf(await send("regulator", "books.close", { ...books, transfers }))).to.equal("STATE_CONFLICT");

    const account = { code: code(4), digest };
    expect(codeOf(await send("bureau", "disclosure.publish", { ...account, year: 2098 }))).to.equal("STATE_CONFLICT");
    await done("bureau", "disclosure.publish", { ...account, year: 2020 });
  });

  it("keep one organisation's grants and records from another's gateway", async () => {
    const grant = await network.granted("insurer", WEATHER, "bureau", OPEN);
    const head = network.log();
    const batch = JSON.stringify({ nonce: randomText(32), records: [await network.access("insurer", { grant })] });
    const args = [canonical({ log: LOG, size: head?.size ?? 0, root: head?.root ?? "", digest: sha256Text(batch) })];
    const foreign = { name: TRANSACTIONS.recordBatch, args, transient: { batch } };
    expect(codeOf(await network.attempt("ExchangeMSP", foreign))).to.equal("ROLE_REQUIRED");
    const via = GATEWAYS.exchange;
    expect(codeOf(await send("bureau", "grant.resume", { grant, epoch: 1 }, { via }))).to.equal("STATE_CONFLICT");
    const product = {
      ...resourcePayload("bureau", "res/x.product"),
      kind: "product",
      lineage: [{ resource: `${WEATHER}@1`, grant }],
    };
    // The catalogue is public, but the parent's grant is not: the exchange's client may not even ask for it.
    const secrets = { responsibleHead: "Han Mei" };
    expect(codeOf(await send("bureau", "resource.register", product, { via, secrets }))).to.equal("INTERNAL");
    expect(codeOf(await send("bureau", "resource.register", product, { secrets }))).to.equal("LINEAGE_UNGRANTED");
    const bus = {
      resource: `${BUS}@1`,
      depth: 0,
      logs: [EXCHANGE_LOG],
      ...OPEN,
      grantor: IDS.bureau,
      right: "holding",
    };
    const asked = { ...bus, grant: randomUUID(), route: [[IDS.bureau]] };
    expect(codeOf(await send("insurer", "grant.request", asked))).to.equal("COMMAND_MISDIRECTED");
    await done("insurer", "grant.request", asked, { via });
    await done("bureau", "grant.approve", { grant: asked.grant }, { via });
  });

  // Whoever holds anything may publish an account of its year.
  for (const verb of VERBS.filter(isCommand).filter((one) => one !== "disclosure.publish")) {
    it(`refuse ${verb} from whoever has no business with it`, async () => {
      const grant = scene.grants()[0]?.grant.id ?? "";
      const payload = { net: NET, ...TEMPLATES[verb]({ grant, target: stopDigest(grant), id: randomUUID() }) };
      const ended = await send("stranger", verb, payload, { transient: { grant } });
      expect(ended.outcome).to.include({ fault: "REFUSED" });
    });
  }

  const transactions = contracts.flatMap(({ name, functions }) =>
    Object.keys(functions).map((verb) => `${name}:${verb}`),
  );
  it(`refuse ${HOSTILE_VALUES.length} hostile values as command, as batch and as argument of each transaction`, async () => {
    for (const [n, value] of HOSTILE_VALUES.entries()) {
      const name = transactions[n % transactions.length] ?? "";
      const batch = { name: TRANSACTIONS.recordBatch, transient: { batch: value } };
      const { size = 0, root = "" } = network.log() ?? {};
      for (const request of [
        { name, args: ['{"gateway":"holder"}'], transient: { command: value } },
        { name, args: [value], transient: { command: "{}" } },
        { ...batch, args: [canonical({ log: LOG, size, root, digest: sha256Text(value) })] },
      ]) {
        const { outcome } = await network.attempt("HolderMSP", request);
        expect(outcome, `${request.name} ${value}`).to.have.property("fault", "REFUSED");
      }
    }
  });

  it("answer a simulation alike, and leave nothing behind", async () => {
    const by = network.actors.regulator;
    const draft = { by, payload: { net: NET, offsetMs: offsetMs() + 10_000 }, via: GATEWAYS.holder };
    const words = unsigned(scene, "clock.set", "/v1/commands/clock.set", draft);
    const { msp, request } = transactionOf("clock.set", draft, sign(words), words.openings);
    expect(await network.evaluate(msp, request)).to.deep.equal({ result: "{}" });
    expect(await network.evaluate(msp, { ...request, transient: {} })).to.include({ code: "MALFORMED" });
    expect((await network.attempt(msp, request)).outcome).to.deep.equal({ result: "{}" });
    expect(await network.evaluate(msp, request)).to.include({ code: "COMMAND_REPLAYED" });
  });

  it(`do the same in random transactions (QUANJI_SEED=${dice.seed})`, async () => {
    const { rules, types, accepted } = network.tally;
    const before = new Map([...types, ...accepted]);
    const isNew = (counts: ReadonlyMap<string, number>, what: string): boolean =>
      (counts.get(what) ?? 0) > (before.get(what) ?? 0);
    const missing = (): readonly string[] => [
      ...RULES.filter((rule) => !rules.has(rule)),
      ...RECORDS.filter((type) => !isNew(types, type)),
      ...AFTERWARDS.filter((verb) => !isNew(accepted, verb)),
    ];
    for (let n = 0; n < DRAWS || (missing().length > 0 && n < MOST_DRAWS); n++) {
      const { msp, request } = sendingAtRandom(scene);
      if (dice.once(20)) await network.evaluate(msp, request);
      await network.attempt(msp, request);
    }
    process.stdout.write(network.tally.toString());
    expect(missing()).to.deep.equal([]);
  });

  it("have each been accepted and refused: every command, every transaction", () => {
    const { accepted, refused } = network.tally;
    expect([...accepted.keys()]).to.include.members([...VERBS, ...transactions]);
    expect([...refused.keys()]).to.include.members([...VERBS, ...transactions]);
  });

  it("end in the same state everywhere: every value, and every hash of a private one, at every organisation", async () => {
    expect(await pair.compareStates()).to.equal(network.state.values.size);
  });
});
