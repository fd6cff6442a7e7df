import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { AccessRefused, Client, generateKey, openSigner, readKeyFile, type Signer } from "@quanji/client";
import { openTrust, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { pino } from "pino";
import { configOf } from "../config/index.js";
import { type Gateway, openGateway } from "./gateway.js";

const PUBLIC_URL = "https://gateway.test";
const BUREAU = "11510100MBQJ006115";
const INSURER = "91510100MAQJ006421";
const RES = "res/weather";
const ORIGINS = ["quanji.local/demo/gw/0", "quanji.local/demo/gw/1"] as const;
const [FIRST, SECOND] = ORIGINS;

describe("service: a gateway with several logs", () => {
  let data: string;
  let gateway: Gateway;
  let bureau: Signer;
  let insurer: Signer;

  const open = async (logs: number): Promise<Gateway> => {
    const file = path.join(data, "gateway.json");
    const input = { port: 0, publicUrl: PUBLIC_URL, gateway: { logs } };
    const config = configOf({ data, file, input, environment: {} });
    const logger = pino({ level: "silent" });
    return openGateway(config, { clock: Date.now, random: randomBytes, logger, variables: {}, durability: "buffered" });
  };
  const restart = async (logs: number): Promise<void> => {
    await gateway.close();
    gateway = await open(logs);
  };
  const trustText = () => readFile(path.join(data, "trust.json"));
  const connect = async (key: Signer): Promise<Client> => {
    const trust = await openTrust(await trustText(), { now: Date.now(), digest: gateway.trustDigest });
    return Client.connect({ gateway: gateway.address, key, trust });
  };
  const regulator = async (): Promise<Client> => {
    const pair = await readKeyFile(path.join(data, "keys", "regulator.jwk"));
    return connect(await openSigner({ ...pair, party: pair.party ?? "" }));
  };
  const refusedField = async (work: Promise<unknown>): Promise<string | undefined> => {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return isQuanjiError(error, "CONFIG_INVALID") ? error.field : undefined;
  };

  before(async () => {
    data = await mkdtemp(path.join(tmpdir(), "quanji-logs-"));
    gateway = await open(1);
    bureau = await openSigner({ jwk: await generateKey("ES256"), party: BUREAU });
    insurer = await openSigner({ jwk: await generateKey("EdDSA"), party: INSURER });
    const admitting = await regulator();
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
      await admitting.parties.admit(key.party, ["holder", "user"]);
    }
  });
  after(async () => {
    await gateway.close();
    await rm(data, { recursive: true });
  });

  const register = async (resource: string): Promise<void> => {
    const client = await connect(bureau);
    await client.resources.register({
      resource,
      kind: "dataset",
      title: "Daily weather",
      class: "weather.daily",
      grade: { standard: "GB/T 43697-2024", level: "general-2" },
      sharing: "conditional",
      subjectKind: "none",
      basis: { law: "Meteorology Law", duty: "publish observations" },
      responsibleHead: { name: "somebody", title: "head" },
      fields: [{ name: "day", type: "date", grade: "general-1" }],
    });
    await writeFile(path.join(gateway.folders.sources, "weather.csv"), "day\n2026-01-01\n2026-01-02\n");
    const file = path.join(data, "gateway.json");
    const binding = { kind: "file", format: "csv", path: "weather.csv", resource, steward: BUREAU };
    const written = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...written, sources: [binding] }));
  };
  const granted = async (resource: string, quota?: number): Promise<string> => {
    const { grant } = await (
      await connect(insurer)
    ).grants.request({
      resource,
      terms: {
        actions: ["query"],
        purposes: ["risk.assessment"],
        fields: ["day"],
        window: { from: "2026-01-01T00:00:00.000Z", until: "2099-01-01T00:00:00.000Z" },
        environments: ["api"],
        jurisdictions: ["CN"],
        lawfulBasis: "contract",
        onStop: "stop",
        ...(quota !== undefined && { quota: { unit: "call", n: quota, per: "window" } }),
      },
    });
    await (await connect(bureau)).grants.approve(grant);
    return grant;
  };
  const access = (grant: string) => ({
    resource: RES,
    grant,
    action: "query" as const,
    purpose: "risk.assessment",
    fields: ["day"],
    environment: { kind: "api" as const, jurisdiction: "CN" },
    operator: "desk 7",
    quantity: 10,
  });
  const verdictOf = async (viewer: Signer, kind: "grant" | "resource" | "party", id: string) => {
    let text = "";
    for await (const line of (await connect(viewer)).trail(kind, id)) text += `${line}\n`;
    return verifyTrail(text, await openTrust(await trustText(), { now: Date.now() }));
  };

  it("gets a second log at a later start: with a key of its own, and a trust file that follows on the first", async () => {
    const before = await openTrust(await trustText(), { now: Date.now(), digest: gateway.trustDigest });
    await restart(2);
    expect(gateway.logs).to.deep.equal(ORIGINS);
    expect((await stat(path.join(gateway.folders.keys, "log-1.jwk"))).mode & 0o777).to.equal(0o600);
    const now = await openTrust(await trustText(), { now: Date.now(), previous: before });
    expect(now.digest).to.equal(gateway.trustDigest).and.not.to.equal(before.digest);
    expect(now.trust).to.include({ version: 2, prev: before.digest });
    expect([...now.logs]).to.deep.equal(ORIGINS);
    const { network } = await connect(insurer);
    expect(network.logs.map(({ origin }) => origin)).to.deep.equal(ORIGINS);
    await restart(2);
    expect(gateway.trustDigest).to.equal(now.digest);
    const [first, second] = await Promise.all([1, 2].map((version) => fetch(`${gateway.address}/v1/trust/${version}`)));
    expect((await openTrust(await (first?.text() ?? ""), { now: Date.now() })).digest).to.equal(before.digest);
    expect(second?.status).to.equal(404); // the newest is /v1/trust.json
  });

  it("states both heads: public routes, readiness and metrics name each log", async () => {
    for (const n of [0, 1]) {
      const text = await (await fetch(`${gateway.address}/v1/logs/${n}/checkpoint`)).text();
      expect(text.split("\n")[0]).to.equal(ORIGINS[n]);
    }
    expect((await fetch(`${gateway.address}/v1/logs/2/checkpoint`)).status).to.equal(404);
    expect(await (await fetch(`${gateway.address}/readyz`)).json()).to.include({ ready: true, checkpoint: "fresh" });
  });

  it("does not give a log up, nor take over one that another key signs", async () => {
    await gateway.close();
    expect(await refusedField(open(1))).to.equal("gateway.logs");
    const file = path.join(data, "keys", "log-1.jwk");
    const kept = await readFile(file);
    await rm(file);
    expect(await refusedField(open(2))).to.equal("keys/log-1.jwk");
    await writeFile(file, kept, { mode: 0o600 });
    gateway = await open(2);
  });

  it("says what the regulator must send where its key is elsewhere, and serves on without", async () => {
    await gateway.close();
    const file = path.join(data, "keys", "regulator.jwk");
    const kept = await readFile(file);
    await rm(file);
    expect(await refusedField(open(3))).to.equal("gateway.logs");
    gateway = await open(2);
    await gateway.close();
    await writeFile(file, kept, { mode: 0o600 });
    gateway = await open(2);
  });

  it("records where the request says, data follows, and all trails verify over both logs", async () => {
    await register(RES);
    const grants = await Promise.all(Array.from({ length: 6 }, () => granted(RES)));
    const client = await connect(insurer);
    const used = new Set<string>();
    for (const grant of grants) {
      const { access: permitted, data: bytes } = await client.fetch(access(grant));
      expect(Buffer.from(bytes).toString("utf8")).to.equal('{"day":"2026-01-01"}\n{"day":"2026-01-02"}\n');
      const again = await client.fetch(access(grant));
      expect(again.access.receipt.record.face.log).to.equal(permitted.receipt.record.face.log);
      used.add(permitted.receipt.record.face.log);
    }
    const [grant = ""] = grants;
    for (const log of ORIGINS) {
      const { receipt } = await client.access({ ...access(grant), log });
      expect(receipt.record.face.log).to.equal(log);
    }
    await restart(2); // every delivery is recorded then
    expect(await verdictOf(bureau, "grant", grant)).to.include({ ok: true, permitted: 4 });
    expect(await verdictOf(bureau, "resource", RES)).to.include({ ok: true, permitted: 14 });
    expect(await verdictOf(insurer, "party", INSURER)).to.include({ ok: true, permitted: 14 });
    const metrics = await (await fetch(`${gateway.address}/metrics`)).text();
    expect(metrics).to.include("quanji_batch_records");
    expect(used.size).to.be.at.least(1);
  });

  it("two logs under concurrency never overdraw together, while the grantor moves shares between them", async () => {
    const quota = 12;
    const grant = await granted(RES, quota);
    const owner = await connect(bureau);
    const client = await connect(insurer);
    const share = (first: number, second: number) => [
      { log: FIRST, n: first },
      { log: SECOND, n: second },
    ];
    await owner.grants.allot(grant, share(6, 6));
    const rules: string[] = [];
    const use = async (log: string): Promise<void> => {
      const permitted = await client.access({ ...access(grant), log }).catch((error: unknown) => {
        if (!(error instanceof AccessRefused)) throw error;
        rules.push(error.code);
        return undefined;
      });
      if (permitted === undefined) return;
      rules.push("permit");
      await permitted.bytes();
    };
    const move = (first: number): Promise<unknown> =>
      owner.grants.allot(grant, share(first, quota - first)).catch((error: unknown) => {
        if (!isQuanjiError(error, "STATE_CONFLICT")) throw error; // below what is used by now
      });
    await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => use(ORIGINS[i % 2] ?? FIRST)),
      ...[4, 8, 2].map((first) => move(first)),
    ]);
    // Whatever is left lies somewhere: all of it can still be used, and not one more.
    const { terms } = await client.grants.get(grant);
    for (const { log, n } of terms.quota?.allotted ?? []) for (let i = 0; i < n; i++) await use(log);
    expect(rules.filter((rule) => rule === "permit")).to.have.length(quota);
    expect(rules.every((rule) => rule === "permit" || rule === "QUOTA_EXCEEDED")).to.equal(true);
    await restart(2);
    const verdict = await verdictOf(bureau, "grant", grant);
    expect(verdict, verdict.message).to.include({ ok: true, permitted: quota });
    expect(verdict.attested).to.deep.equal([]);
  });

  it("the client uses each log in which the grant has a share, in turn, and never one where it has none", async () => {
    const grant = await granted(RES, 4);
    const client = await connect(insurer);
    const logOf = async () => (await client.fetch(access(grant))).access.receipt.record.face.log;
    expect(await logOf()).to.equal(FIRST);
    await (
      await connect(bureau)
    ).grants.allot(grant, [
      { log: FIRST, n: 2 },
      { log: SECOND, n: 2 },
    ]);
    const fresh = await connect(insurer);
    const used = [];
    for (let i = 0; i < 2; i++) used.push((await fresh.fetch(access(grant))).access.receipt.record.face.log);
    expect(used.sort()).to.deep.equal(ORIGINS);
  });
});
