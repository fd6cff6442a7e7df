/** A gateway and its witnesses as they are run: programs in one process, HTTP between them, a client that pins the trust file. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError, RECEIPT_TYP } from "@quanji/chaincode/domain";
import {
  algorithmOf,
  canonical,
  type FlattenedJws,
  fromBase64url,
  type JsonObject,
  parseCanonical,
  signJws,
} from "@quanji/chaincode/log";
import { heldBy, WEATHER, WEATHER_TERMS, WEATHER_USE, weatherField } from "@quanji/chaincode/testing";
import {
  type Alarm,
  Client,
  COSIGNED_WITHIN_MS,
  generateKey,
  openSigner,
  readKeyFile,
  type Signer,
} from "@quanji/client";
import { type OpenedTrust, openTrust, verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { pino } from "pino";
import { configOf } from "../config/index.js";
import { witnessConfigOf } from "../witness/process/config.js";
import { openWitness, type Witness } from "../witness/process/open.js";
import { type Gateway, openGateway } from "./gateway.js";

const PUBLIC_URL = "https://gateway.test";
const BUREAU = "11510100MBQJ006115";
const INSURER = "91510100MAQJ006421";
const ORGANISATIONS = ["audit", "justice", "finance", "press"] as const;
const LIMITS = { maxBytes: 65_536, maxDepth: 12 };
const logger = pino({ level: "silent" });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("G6 a gateway with witnesses", () => {
  let folder: string;
  let port: number;
  let gateway: Gateway;
  let bureau: Signer;
  let insurer: Signer;
  let grant: string;
  const witnesses = new Map<string, Witness>();
  const ports = new Map<string, number>();

  let offsetMs = 0;
  const clock = (): number => Date.now() + offsetMs;

  const up = async (organisation: string): Promise<void> => {
    const input = {
      name: `witness.${organisation}.test/w`,
      port: ports.get(organisation) ?? 0,
      blocks: `http://127.0.0.1:${port}`,
      confirmMs: 100,
    };
    const witness = await openWitness(witnessConfigOf(path.join(folder, organisation), input, {}), {
      clock,
      logger,
    });
    witnesses.set(organisation, witness);
    ports.set(organisation, Number(new URL(witness.address).port));
  };
  const down = async (organisation: string): Promise<void> => {
    await witnesses.get(organisation)?.close();
    witnesses.delete(organisation);
  };
  const rows = () =>
    ORGANISATIONS.map((organisation) => ({
      organisation,
      url: `http://127.0.0.1:${ports.get(organisation) ?? 0}`,
      vkey: keys.get(organisation)?.vkey ?? "",
      headsKey: keys.get(organisation)?.headsKey ?? "",
      absence: true,
    }));
  const keys = new Map<string, { readonly vkey: string; readonly headsKey: string }>();
  const data = () => path.join(folder, "gateway");
  const open = async (more: object = {}): Promise<Gateway> => {
    const input = { port, publicUrl: PUBLIC_URL, publishBlocks: true, ...more };
    const config = configOf({ data: data(), file: path.join(data(), "gateway.json"), input, environment: {} });
    return openGateway(config, { clock, random: randomBytes, logger, variables: {}, durability: "buffered" });
  };
  const trusted = async (): Promise<OpenedTrust> =>
    openTrust(await readFile(path.join(data(), "trust.json")), { now: clock(), digest: gateway.trustDigest });
  const connect = async (key: Signer, more: Partial<Parameters<typeof Client.connect>[0]> = {}): Promise<Client> =>
    Client.connect({ gateway: gateway.address, key, trust: await trusted(), clock, ...more });
  const use = () => ({ resource: "res/weather", grant, ...WEATHER_USE, operator: "desk 7", quantity: 10 });
  const trail = async (client: Client, kind: "grant" | "resource" | "party", id: string) => {
    let text = "";
    for await (const line of client.trail(kind, id)) text += `${line}\n`;
    return verifyTrail(text, await trusted());
  };

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-cosigning-"));
    port = await freePort();
    // The network begins without witnesses, as every one does.
    gateway = await open();
    for (const organisation of ORGANISATIONS) {
      await up(organisation);
      const witness = witnesses.get(organisation)!;
      keys.set(organisation, { vkey: witness.vkey, headsKey: witness.headsKey });
    }
    bureau = await openSigner({ jwk: await generateKey("ES256"), party: BUREAU });
    insurer = await openSigner({ jwk: await generateKey("EdDSA"), party: INSURER });
    const pair = await readKeyFile(path.join(data(), "keys", "regulator.jwk"));
    const regulator = await connect(await openSigner({ ...pair, party: pair.party ?? "" }));
    for (const key of [bureau, insurer]) {
      await (
        await connect(key)
      ).parties.register({
        kind: "org",
        name: key.party,
        roles: ["holder", "user"],
        jurisdiction: "CN",
        home: "HolderMSP",
        responsibleHead: { name: "somebody", title: "head" },
      });
      await regulator.parties.admit(key.party, ["holder", "user"]);
    }
    const owner = await connect(bureau);
    await owner.resources.register({
      ...WEATHER,
      resource: "res/weather",
      responsibleHead: { name: "somebody", title: "head" },
      fields: [weatherField("day", "date"), weatherField("rain", "number")],
      rights: heldBy(BUREAU),
    });
    await writeFile(path.join(data(), "sources", "weather.csv"), "day,rain\n2026-01-01,3\n2026-01-02,0\n");
    await writeFile(
      path.join(data(), "gateway.json"),
      JSON.stringify({
        sources: [{ resource: "res/weather", steward: BUREAU, kind: "file", format: "csv", path: "weather.csv" }],
      }),
    );
    const asked = await (await connect(insurer)).grants.request({ resource: "res/weather", terms: WEATHER_TERMS });
    grant = asked.grant;
    await owner.grants.approve(grant);
    await gateway.close();
    gateway = await open({ witnesses: rows() });
  });
  after(async () => {
    await gateway.close();
    for (const organisation of ORGANISATIONS) await down(organisation);
    await rm(folder, { recursive: true });
  });

  it("publishes a trust file that names them, as the next version of the one before", async () => {
    const { trust, policy } = await trusted();
    expect([trust.version, policy.withstands]).to.deep.equal([2, 1]);
    expect(policy.organisations).to.deep.equal([...ORGANISATIONS]);
    const before = await openTrust(await readFile(path.join(data(), "trust", "1.json")), { now: clock() });
    await openTrust(await readFile(path.join(data(), "trust.json")), { now: clock(), previous: before });
    await gateway.close();
    gateway = await open({ witnesses: rows() });
    expect((await trusted()).trust.version).to.equal(2);
  });

  it("gives a cosigned receipt in the same call to who waits for it", async () => {
    const client = await connect(insurer);
    const access = await client.access(use(), { evidence: "cosigned", waitSeconds: 10 });
    expect([access.receipt.level, access.receipt.receipt.level]).to.deep.equal(["cosigned", "cosigned"]);
    expect(await access.rows()).to.have.length(2);
    expect(await access.cosigned()).to.equal(access.receipt);
    await client.close();
  });

  it("gives the others theirs at once, and a cosigned one as soon as it is asked for again", async () => {
    const client = await connect(insurer);
    const access = await client.access(use());
    expect(["committed", "cosigned"]).to.include(access.receipt.level);
    const later = await access.cosigned();
    expect(later.level).to.equal("cosigned");
    expect(later.record).to.deep.equal(access.receipt.record);
    expect((await client.upgrade(access.request)).level).to.equal("cosigned");
    await access.cancel();
    await client.close();
  });

  it("gives trails that verify under the quorum, also of a log in which a chain was never touched", async () => {
    const verdict = await trail(await connect(bureau), "resource", "res/weather");
    expect(verdict, `${verdict.detail ?? ""} ${verdict.message ?? ""}`).to.include({
      ok: true,
      level: "cosigned",
      withstands: 1,
      singleOperator: false,
    });
    const client = await connect(insurer);
    const unused = await client.grants.request({ resource: "res/weather", terms: WEATHER_TERMS });
    const empty = await trail(client, "grant", unused.grant);
    expect(empty, `${empty.detail ?? ""} ${empty.message ?? ""}`).to.include({ ok: true, records: 0 });
  });

  it("with one of four down goes on as before", async () => {
    await down("press");
    const access = await (await connect(insurer)).access(use(), { evidence: "cosigned", waitSeconds: 10 });
    expect(access.receipt.level).to.equal("cosigned");
    await access.cancel();
    expect((await trail(await connect(bureau), "resource", "res/weather")).ok).to.equal(true);
  });

  it("68 with two down stays committed, gives data all the same, and nobody can say otherwise", async () => {
    await down("finance");
    const alarms: Alarm[] = [];
    const client = await connect(insurer, {
      // A minute passes for everybody.
      pause: (ms) => Promise.resolve(void (offsetMs += ms)),
      onAlarm: (alarm) => void alarms.push(alarm),
    });
    const access = await client.access(use(), { evidence: "cosigned", waitSeconds: 0 });
    expect([access.receipt.level, access.receipt.receipt.level]).to.deep.equal(["committed", "committed"]);
    expect(await access.rows()).to.have.length(2);
    const refused = await access.cosigned().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isQuanjiError(refused, "RECEIPT_NOT_COSIGNED")).to.equal(true);
    expect(alarms.map(({ code, request }) => [code, request])).to.deep.equal([
      ["RECEIPT_NOT_COSIGNED", access.request],
    ]);
    expect(alarms[0]?.waitedMs).to.be.at.least(COSIGNED_WITHIN_MS);
    expect(await verifyReceipt(access.receipt.jws, await trusted())).to.include({
      ok: false,
      detail: "WITNESS_QUORUM",
    });

    // The gateway's own key says more than the witnesses did.
    const pair = await readKeyFile(path.join(data(), "keys", "gateway.jwk"));
    const key = await openSigner({ ...pair, party: "gw" });
    const payload = parseCanonical(fromBase64url(access.receipt.jws.payload), LIMITS);
    const claim: JsonObject = { ...payload, level: "cosigned" };
    const header = { alg: algorithmOf(key.jwk), kid: key.kid, typ: RECEIPT_TYP };
    const lie: FlattenedJws = await signJws(header, claim, key.sign, LIMITS);
    expect(canonical(parseCanonical(fromBase64url(lie.payload), LIMITS))).to.not.equal(canonical(payload));
    expect(await verifyReceipt(lie, await trusted())).to.include({ ok: false, detail: "LEVEL_FALSE" });
    await client.close();
  });

  it("gives such a trail too, and the verifier says what it lacks", async () => {
    const verdict = await trail(await connect(bureau), "party", BUREAU);
    expect(verdict).to.include({ ok: false, code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
  });

  it("finds witnesses that come back, without being asked again by anybody", async () => {
    // On a slow machine a minute may pass meanwhile; that would be an alarm, and another test's matter.
    const latestMs = clock() + COSIGNED_WITHIN_MS / 2;
    const client = await connect(insurer, { clock: () => Math.min(clock(), latestMs) });
    const access = await client.access(use());
    await access.cancel();
    await up("finance");
    await up("press");
    expect((await access.cosigned()).level).to.equal("cosigned");
    await client.close();
  });

  it("keeps what was cosigned, whatever becomes of witnesses and gateway", async () => {
    const client = await connect(insurer);
    const access = await client.access(use(), { evidence: "cosigned", waitSeconds: 10 });
    await access.cancel();
    await client.close();
    for (const organisation of ORGANISATIONS) await down(organisation);
    await gateway.close();
    gateway = await open({ witnesses: rows() });
    const later = await connect(insurer);
    expect((await later.receipt(access.request)).access.level).to.equal("cosigned");
    await later.close();
  });
});
