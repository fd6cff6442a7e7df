import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Client, type Client as AnyClient, generateKey, openSigner, readKeyFile } from "@quanji/client";
import { expect } from "chai";
import { headOf } from "../support/batch.js";
import { type LocalHost, LOG } from "../support/host.js";
import { QUANJI, runProgram } from "../support/program.js";
import { DAY_MS, expectCode, monthAt, openMarket, PRODUCT, textOf } from "../support/sale.js";
import { IDS, RESOURCE, type Stage } from "../support/stage.js";
import { linesOf, recordsAt, seal } from "../support/trails.js";

const EXCHANGE = "91510100MAQJ006346";

/** An exchange closes for others, and may read neither a resource's trail nor those of grants that are not its own. */
describe("G7: an exchange closes a month by trails that were handed to it, and verifies them", function () {
  this.timeout(0);
  let stage: Stage<LocalHost>;
  let exchange: AnyClient;
  let contract: string;
  let weighing: string;
  let month: string;
  /** Made before the month was over. */
  let early: string;

  const connected = async (key: Awaited<ReturnType<typeof openSigner>>): Promise<AnyClient> =>
    Client.connect({ gateway: stage.host.address, key, trust: await stage.trust(), clock: stage.host.clock });
  const trailOf = async (kind: "resource" | "grant", id: string): Promise<string> =>
    textOf((await stage.client("bureau")).trail(kind, id), "\n");
  const handed = (...texts: readonly string[]) => ({
    trails: texts.map(
      (text) =>
        async function* () {
          yield await Promise.resolve(text);
        },
    ),
  });

  before(async () => {
    stage = await openMarket();
    const signer = await openSigner({ jwk: await generateKey("ES256"), party: EXCHANGE });
    exchange = await connected(signer);
    const roles = ["exchange"] as const;
    await exchange.parties.register({
      kind: "org",
      name: "The exchange",
      roles,
      jurisdiction: "CN",
      home: "HolderMSP",
      responsibleHead: { name: "head of the exchange", title: "director" },
    });
    await (await stage.client("regulator")).parties.admit(EXCHANGE, roles);
    const bureau = await stage.client("bureau");
    const sold = await stage.granted("insurer", {}, { resource: PRODUCT });
    weighing = await stage.granted("adjuster");
    const { offer } = await bureau.offers.offer({
      resource: PRODUCT,
      purposes: ["risk.assessment"],
      attestations: [],
      exchange: EXCHANGE,
      tariff: { unit: "call", currency: "CNY", tiers: [{ amount: "100", per: 1 }], from: "2020-01-01T00:00:00.000Z" },
    });
    const { contract: made } = await bureau.contracts.propose({
      offer,
      seller: IDS.bureau,
      buyer: IDS.insurer,
      exchange: EXCHANGE,
      grant: sold,
      until: "2098-01-01T00:00:00.000Z",
      payees: { shares: [{ weight: { grant: weighing }, to: IDS.adjuster }] },
      disputeDays: 10,
      counterparts: ["tally"],
    });
    contract = made;
    for (const party of [await stage.client("insurer"), exchange]) await party.contracts.countersign(contract, 1);
    month = monthAt(stage.host.clock());
    const [insurer, adjuster] = [await stage.client("insurer"), await stage.client("adjuster")];
    for (let n = 0; n < 2; n++) await stage.handedOver(adjuster, stage.access(weighing));
    for (let n = 0; n < 3; n++) await stage.handedOver(insurer, stage.access(sold, { resource: PRODUCT }));
    const source = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.bureau });
    await bureau.parties.rotateKey(source, { purpose: "tally" });
    const tallying = await connected(source);
    const { size } = await headOf(stage.host.ledger);
    await tallying.send("tally.sign", { log: LOG, resource: PRODUCT, from: 0, to: size, served: 3 });
    await tallying.close();
    early = await trailOf("resource", PRODUCT);
    await exchange.close();
    await stage.later(40 * DAY_MS);
    exchange = await connected(signer);
  });
  after(async () => {
    await exchange.close();
    await stage.close();
  });

  it("is told what it needs and may not read, and takes nothing that proves less", async () => {
    const { statements } = exchange;
    await expectCode(statements.reckon(contract, month), "EVIDENCE_MISSING");
    const [resource, grant] = [await trailOf("resource", PRODUCT), await trailOf("grant", weighing)];
    await expectCode(statements.reckon(contract, month, handed(resource)), "EVIDENCE_MISSING");
    await expectCode(
      statements.reckon(contract, month, handed(await trailOf("resource", RESOURCE), grant)),
      "EVIDENCE_MISSING",
    );
    await expectCode(statements.reckon(contract, month, handed(early, grant)), "TRAIL_INCOMPLETE");
    await expectCode(statements.reckon(contract, month, handed("{}\n", grant)), "MALFORMED");
    const lines = linesOf(resource);
    for (const at of recordsAt(lines)) {
      await expectCode(
        statements.reckon(contract, month, handed(seal(lines.toSpliced(at, 1)), grant)),
        "TRAIL_INCOMPLETE",
      );
    }
    let short = "";
    const to = new Date(stage.host.clock() - DAY_MS).toISOString();
    for await (const line of (await stage.client("bureau")).trail("grant", weighing, { to })) short += `${line}\n`;
    await expectCode(statements.reckon(contract, month, handed(resource, short)), "TRAIL_INCOMPLETE");
  });

  it("reckons and closes by them; the payer believes what it may not read, or is handed it too", async () => {
    const trails = handed(await trailOf("resource", PRODUCT), await trailOf("grant", weighing));
    const reckoned = await exchange.statements.reckon(contract, month, trails);
    expect(reckoned).to.deep.include({ verified: true, total: "300", held: [], attested: [] });
    expect(reckoned.measured.map(({ deliveries }) => deliveries)).to.deep.equal([2]);
    await exchange.statements.close(contract, month, reckoned);
    const { statements } = await stage.client("insurer");
    const believed = await statements.reckon(contract, month);
    expect(believed).to.deep.include({ verified: true, total: "300", differs: [] });
    expect(believed.attested).to.deep.equal(["tallies", `measured.${weighing}`]);
    const seen = await statements.reckon(contract, month, trails);
    expect(seen).to.deep.include({ verified: true, total: "300", differs: [], attested: [] });
  });

  it("the command line takes them as files", async () => {
    const files = {
      "eta.trail.ndjson": await trailOf("resource", PRODUCT),
      "w.trail.ndjson": await trailOf("grant", weighing),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(stage.host.data, name), text);
    const key = path.join(stage.host.data, "insurer.jwk");
    await writeFile(key, stage.keyFile("insurer"), { mode: 0o600 });
    const given = Object.keys(files).flatMap((name) => ["--trail", path.join(stage.host.data, name)]);
    const ran = await runProgram([
      QUANJI,
      ...["statement", "reckon", contract, month, "--json", ...given],
      ...["--gateway", stage.host.address, "--key", key, "--trust", stage.trustFile],
    ]);
    expect(ran.exitCode, ran.err).to.equal(0);
    expect(JSON.parse(ran.out)).to.deep.include({ ok: true, total: "300", attested: [], isClosed: true });
  });

  it("without a trust file they are worth nothing", async () => {
    const file = path.join(stage.host.data, "insurer.jwk");
    await writeFile(file, stage.keyFile("insurer"), { mode: 0o600 });
    const { jwk } = await readKeyFile(file);
    const key = await openSigner({ jwk, party: IDS.insurer });
    const bare = await Client.connect({ gateway: stage.host.address, key, clock: stage.host.clock });
    const trails = handed(await trailOf("resource", PRODUCT));
    await expectCode(bare.statements.reckon(contract, month, trails), "CONFIG_INVALID");
    await bare.close();
  });
});
