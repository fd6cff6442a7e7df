/** A whole gateway in a folder of its own, used as its users use it: with the client, over HTTP on loopback. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { Client, generateKey, openSigner, readKeyFile, type Signer } from "@quanji/client";
import { openTrust, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { pino } from "pino";
import { configOf } from "../config/index.js";
import { type Gateway, openGateway } from "./gateway.js";

const PUBLIC_URL = "https://gateway.test";
const BUREAU = "11510100MBQJ006115";
const INSURER = "91510100MAQJ006421";

const CSV = "day,rain\n2026-01-01,3\n2026-01-02,0\n2026-01-03,12\n";

const TERMS = {
  actions: ["query" as const],
  purposes: ["risk.assessment"],
  fields: ["day", "rain"],
  window: { from: "2020-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" },
  environments: ["api" as const],
  jurisdictions: ["CN"],
  lawfulBasis: "contract",
  onStop: "stop" as const,
};

describe("service: a gateway", () => {
  let data: string;
  let gateway: Gateway;
  let bureau: Signer;
  let insurer: Signer;

  const open = async (): Promise<Gateway> => {
    const file = path.join(data, "gateway.json");
    const config = configOf({ data, file, input: { port: 0, publicUrl: PUBLIC_URL }, environment: {} });
    const logger = pino({ level: "silent" });
    return openGateway(config, { clock: Date.now, random: randomBytes, logger, variables: {}, durability: "buffered" });
  };
  const connect = async (key: Signer): Promise<Client> => {
    const trust = await openTrust(await readFile(path.join(data, "trust.json")), {
      now: Date.now(),
      digest: gateway.trustDigest,
    });
    return Client.connect({ gateway: gateway.address, key, trust });
  };
  const regulator = async (): Promise<Client> => {
    const pair = await readKeyFile(path.join(data, "keys", "regulator.jwk"));
    return connect(await openSigner({ ...pair, party: pair.party ?? "" }));
  };
  const access = (grant: string) => ({
    resource: "res/weather",
    grant,
    action: "query" as const,
    purpose: "risk.assessment",
    fields: ["day", "rain"],
    environment: { kind: "api" as const, jurisdiction: "CN" },
    operator: "desk 7",
    quantity: 10,
  });

  before(async () => {
    data = await mkdtemp(path.join(tmpdir(), "quanji-gateway-"));
    gateway = await open();
    bureau = await openSigner({ jwk: await generateKey("ES256"), party: BUREAU });
    insurer = await openSigner({ jwk: await generateKey("EdDSA"), party: INSURER });
    const admitting = await regulator();
    for (const key of [bureau, insurer]) {
      const client = await connect(key);
      await client.parties.register({
        kind: "org",
        name: key.party,
        roles: ["holder", "user"],
        jurisdiction: "CN",
        home: "HolderMSP",
        responsibleHead: { name: "somebody", title: "head" },
      });
      await admitting.parties.admit(key.party, ["holder", "user"]);
    }
    await (
      await connect(bureau)
    ).resources.register({
      resource: "res/weather",
      kind: "dataset",
      title: "Daily weather",
      class: "weather.daily",
      grade: { standard: "GB/T 43697-2024", level: "general-2" },
      sharing: "conditional",
      subjectKind: "none",
      basis: { law: "Meteorology Law", duty: "publish observations" },
      responsibleHead: { name: "somebody", title: "head" },
      fields: [
        { name: "day", type: "date", grade: "general-1" },
        { name: "rain", type: "number", grade: "general-1" },
      ],
      rangeField: "day",
      rights: [{ kind: "holding", holder: BUREAU, basis: "statutory duty" }],
    });
    await writeFile(path.join(gateway.folders.sources, "weather.csv"), CSV);
    const file = path.join(data, "gateway.json");
    const binding = { kind: "file", format: "csv", path: "weather.csv", resource: "res/weather", steward: BUREAU };
    const written = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...written, sources: [binding] }));
  });
  after(async () => {
    await gateway.close();
    await rm(data, { recursive: true });
  });

  const granted = async (): Promise<string> => {
    const { grant } = await (await connect(insurer)).grants.request({ resource: "res/weather", terms: TERMS });
    await (await connect(bureau)).grants.approve(grant);
    return grant;
  };

  it("keeps its keys for itself: mode 0600, all distinct", async () => {
    const names = ["regulator", "gateway", "log", "heads"];
    const files = names.map((name) => path.join(gateway.folders.keys, `${name}.jwk`));
    for (const file of files) expect((await stat(file)).mode & 0o777).to.equal(0o600);
    const keys = await Promise.all(files.map((file) => readKeyFile(file)));
    expect(new Set(keys.map(({ jwk }) => jwk.x)).size).to.equal(names.length);
  });

  it("delivers granted data after its record, with receipts that verify, and a trail that verifies offline", async () => {
    const grant = await granted();
    const client = await connect(insurer);
    const { data: bytes } = await client.fetch(access(grant));
    const rows = Buffer.from(bytes).toString("utf8").trim().split("\n");
    expect(rows.map((row) => JSON.parse(row) as object)).to.deep.equal([
      { day: "2026-01-01", rain: 3 },
      { day: "2026-01-02", rain: 0 },
      { day: "2026-01-03", rain: 12 },
    ]);
    expect(await verifiedTrail(bureau, "grant", grant)).to.include({ ok: true, singleOperator: true });
    expect(await verifiedTrail(insurer, "party", INSURER)).to.include({ ok: true });
    expect(await verifiedTrail(bureau, "resource", "res/weather")).to.include({ ok: true });
  });

  const verifiedTrail = async (viewer: Signer, kind: "grant" | "resource" | "party", id: string) => {
    const client = await connect(viewer);
    const trust = await openTrust(await readFile(path.join(data, "trust.json")), { now: Date.now() });
    let text = "";
    for await (const line of client.trail(kind, id)) text += `${line}\n`;
    return verifyTrail(text, trust);
  };

  it("refuses the first access after a revocation, and records that it did", async () => {
    const grant = await granted();
    const client = await connect(insurer);
    await client.fetch(access(grant));
    const stop = await (await connect(bureau)).grants.revoke(grant);
    const refused = await client.access(access(grant)).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isQuanjiError(refused, "GRANT_REVOKED")).to.equal(true);
    expect(stop.block).to.be.greaterThan(0);
    expect((await client.grants.get(grant)).state).to.equal("revoked");
  });

  it("continues where it was after a restart: same trust, same grants, same receipts", async () => {
    const grant = await granted();
    const first = await (await connect(insurer)).fetch(access(grant));
    const before = gateway.trustDigest;
    await gateway.close();
    gateway = await open();
    expect(gateway.trustDigest).to.equal(before);
    const client = await connect(insurer);
    const { access: receipt } = await client.receipt(first.access.request);
    expect(receipt.record).to.deep.equal(first.access.receipt.record);
    expect((await client.grants.get(grant)).state).to.equal("active");
    await client.fetch(access(grant));
  });

  it("does not open a folder that another gateway has open", async () => {
    const error = await open().then(
      () => undefined,
      (refused: unknown) => refused,
    );
    expect(isQuanjiError(error, "CONFIG_INVALID") && error.field).to.equal("QUANJI_DATA");
  });
});
