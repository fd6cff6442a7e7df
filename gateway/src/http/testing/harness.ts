/**
 * Test support: a gateway's edge over a real ledger, read model and recorder in a folder of its own, on loopback. Sources and
 * evidence are stand-ins, so that what is tested is the edge. Not part of the product.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { createChaincode } from "@quanji/chaincode/contracts";
import type { Verb } from "@quanji/chaincode/domain";
import {
  type FlattenedJws,
  type JsonObject,
  NOTE_TYPES,
  formatVkey,
  fromBase64url,
  noteKey,
  signedBytes,
} from "@quanji/chaincode/log";
import { heldBy, WEATHER, WEATHER_TERMS, WEATHER_USE, weatherField } from "@quanji/chaincode/testing";
import { collectionOf, nodeVerifier } from "@quanji/chaincode/world";
import {
  bodyOf,
  generateKey,
  openSigner,
  type SignedCommand,
  type Signer,
  signCommand,
  type Values,
} from "@quanji/client";
import { pino } from "pino";
import { configOf } from "../../config/index.js";
import { openEmbeddedLedger } from "../../ledger/embedded/index.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { KnownRecord, ReadModel } from "../../readmodel/readmodel.js";
import { openReadModel } from "../../readmodel/open.js";
import { type ClosingRecorder, createRecorder, type RecorderOptions } from "../../recorder/index.js";
import { Accesses } from "../../service/accesses.js";
import { Closers } from "../../service/closers.js";
import { Commands } from "../../service/commands.js";
import type { Deliveries } from "../../service/deliveries.js";
import { Folding } from "../../service/folding.js";
import { foundNetwork } from "../../service/founding.js";
import { PATIENCE } from "../../service/foundation.js";
import { Answers } from "../answers.js";
import { newApp } from "../app.js";
import type { Edge, EvidenceFor } from "../edge.js";
import { newRequestLog } from "../log.js";
import { newMetrics } from "../metrics.js";
import { AtOnce, SUBJECT_TRAILS } from "../at-once.js";
import { RateLimiter } from "../rate.js";
import { openReplays } from "../replays.js";
import { listen } from "../server.js";
import { RowDeliveries } from "./deliveries.js";
import { type Reply, type RequestOptions, send } from "./request.js";

export const PUBLIC_URL = "https://gateway.test";
export const NET = "quanji.test/edge";
export const LOG = `${NET}/gw/0`;

/** Ids with right check characters. */
export const IDS = {
  regulator: "11100000MBQJ00056J",
  bureau: "11510100MBQJ006115",
  insurer: "91510100MAQJ006421",
  stranger: "91510100MAQJ00669Q",
} as const;
export type Name = keyof typeof IDS;

export interface HarnessOptions {
  readonly deliveries?: (readModel: ReadModel) => Deliveries;
  readonly perSecond?: number;
  readonly bodyTimeoutMs?: number;
  /** Of ledger and recorder; default: the machine's. */
  readonly clock?: () => number;
  /** A recorder that meets what the real one seldom does. */
  readonly recorder?: (usual: RecorderOptions) => RecorderOptions;
}

/** Everything that the edge has said to its log. */
export class LogLines extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("utf8");
    done();
  }
}

export class Harness {
  readonly address: string;
  readonly edge: Edge;
  readonly ledger: Ledger;
  readonly recorder: ClosingRecorder;
  readonly signers: Record<Name, Signer>;
  readonly lines: LogLines;
  readonly #closers: Closers;
  #seq = 0;

  private constructor(
    parts: Pick<Harness, "address" | "edge" | "ledger" | "recorder" | "signers" | "lines">,
    closers: Closers,
  ) {
    this.address = parts.address;
    this.edge = parts.edge;
    this.ledger = parts.ledger;
    this.recorder = parts.recorder;
    this.signers = parts.signers;
    this.lines = parts.lines;
    this.#closers = closers;
  }

  /** A network that has begun, with bureau, insurer and stranger admitted, and the bureau's `res/weather` registered. */
  static async open(options: HarnessOptions = {}): Promise<Harness> {
    const closers = new Closers();
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-edge-"));
    closers.add(folder, (made) => rm(made, { recursive: true }));
    const signers = await newSigners();
    const { ledger, readModel } = await openState(folder, signers, options, closers);
    const lines = new LogLines();
    const parts = { ledger, readModel, gateway: signers.gateway, lines };
    const { edge, recorder } = await openEdge(folder, parts, options, closers);
    const server = closers.add(await listen(newApp(edge), { host: "127.0.0.1", port: 0 }, SERVER_LIMITS), (open) =>
      open.close(),
    );
    const harness = new Harness({ address: server.address, edge, ledger, recorder, signers, lines }, closers);
    for (const name of ["bureau", "insurer", "stranger"] as const) await harness.join(name);
    await harness.registerResource("bureau", "res/weather");
    return harness;
  }

  close(): Promise<void> {
    return this.#closers.close();
  }

  send(options: RequestOptions): Promise<Reply> {
    return send(this.address, options);
  }

  sign(
    by: Signer | Name,
    verb: Verb | "read",
    urlPath: string,
    payload: JsonObject,
    options: SignOptions = {},
  ): Promise<SignedCommand> {
    const { jti, values, nowMs = Date.now(), url = PUBLIC_URL + urlPath } = options;
    return signCommand({
      signer: typeof by === "string" ? this.signers[by] : by,
      verb,
      url,
      payload: { net: NET, ...payload },
      values: values ?? {},
      nowMs,
      random: randomBytes,
      ...(jti !== undefined && { jti }),
    });
  }

  post(
    urlPath: string,
    signed: Pick<SignedCommand, "jws" | "openings">,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const { type, text } = bodyOf(signed);
    return this.send({ method: "POST", path: urlPath, headers: { "content-type": type, ...headers }, body: text });
  }

  async command(by: Signer | Name, verb: Verb, payload: JsonObject, options: SignOptions = {}): Promise<Reply> {
    const urlPath = `/v1/commands/${verb}`;
    return this.post(urlPath, await this.sign(by, verb, urlPath, payload, options));
  }

  async read(by: Signer | Name, urlPath: string, payload: JsonObject = {}): Promise<Reply> {
    return this.post(urlPath, await this.sign(by, "read", urlPath, payload));
  }

  async signAccess(by: Signer | Name, change: JsonObject = {}, options: SignOptions = {}): Promise<SignedCommand> {
    const payload = { ...ACCESS, seq: this.#seq++, ...change };
    return this.sign(by, "access", "/v1/access", payload, { values: { operator: { value: "desk 7" } }, ...options });
  }

  async access(by: Signer | Name, change: JsonObject = {}, options: SignOptions = {}): Promise<Reply> {
    return this.post("/v1/access", await this.signAccess(by, change, options));
  }

  async join(name: Name): Promise<void> {
    const signer = this.signers[name];
    const registered = await this.command(
      signer,
      "party.register",
      {
        party: IDS[name],
        kind: "org",
        name,
        roles: ["holder", "user"],
        jurisdiction: "CN",
        home: "HolderMSP",
        key: { jwk: { ...signer.jwk }, purpose: "act", custody: "self" },
      },
      { values: { responsibleHead: { value: "somebody" } } },
    );
    assertOk(registered);
    assertOk(await this.command("regulator", "party.admit", { party: IDS[name], roles: ["holder", "user"] }));
  }

  async registerResource(by: Name, id: string): Promise<void> {
    const values = { responsibleHead: { value: "somebody" } };
    assertOk(await this.command(by, "resource.register", resourcePayload(id, IDS[by]), { values }));
  }

  /** A grant of the bureau's weather to `grantee`, approved. */
  async granted(grantee: Name, terms: JsonObject = {}, depth = 0): Promise<string> {
    const grant = crypto.randomUUID();
    const payload = {
      grant,
      resource: "res/weather@1",
      grantor: IDS.bureau,
      right: "holding",
      depth,
      logs: [LOG],
      terms: { ...TERMS, ...terms },
      route: [[IDS.bureau]],
    };
    assertOk(await this.command(grantee, "grant.request", payload));
    assertOk(await this.command("bureau", "grant.approve", { grant }));
    return grant;
  }
}

export interface SignOptions {
  readonly jti?: string;
  readonly values?: Values;
  readonly nowMs?: number;
  readonly url?: string;
}

const SERVER_LIMITS = { headersMs: 5_000, requestMs: 30_000, connections: 500, closeMs: 1_000 };

export function assertOk(reply: Reply): void {
  if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.payload() ?? reply.text)}`);
}

const verify = nodeVerifier();

type Signers = Record<Name | "gateway", Signer>;

async function newSigners(): Promise<Signers> {
  const one = async (party: string, alg: "ES256" | "EdDSA") => openSigner({ jwk: await generateKey(alg), party });
  return {
    regulator: await one(IDS.regulator, "ES256"),
    bureau: await one(IDS.bureau, "ES256"),
    insurer: await one(IDS.insurer, "EdDSA"),
    stranger: await one(IDS.stranger, "EdDSA"),
    gateway: await one("gw", "EdDSA"),
  };
}

async function openState(folder: string, signers: Signers, { clock = Date.now }: HarnessOptions, closers: Closers) {
  const topology = {
    channel: "quanji",
    organisations: [
      { name: "regulator", msp: "RegulatorMSP" },
      { name: "holder", msp: "HolderMSP" },
    ],
    regulator: "RegulatorMSP",
  };
  const ledger = closers.add(
    await openEmbeddedLedger({
      folder,
      topology,
      contracts: createChaincode({ verify }),
      clock,
      random: randomBytes,
      durability: "buffered",
    }),
    (open) => open.close(),
  );
  const readModel = closers.add(
    await openReadModel({
      folder: path.join(folder, "readmodel"),
      ledger,
      collection: collectionOf("HolderMSP"),
      onError: (error) => {
        throw error;
      },
    }),
    (open) => open.close(),
  );
  const { jwk } = await openSigner({ jwk: await generateKey("EdDSA"), party: "log" });
  const key = noteKey(LOG, NOTE_TYPES.ed25519, fromBase64url(jwk.x));
  const note = { key, vkey: formatVkey(key), sign: () => new Uint8Array(64) };
  const config = configOf({
    data: folder,
    file: path.join(folder, "gateway.json"),
    input: { publicUrl: PUBLIC_URL, network: { net: NET } },
    environment: {},
  });
  const keys = { folder, regulator: signers.regulator, gateway: signers.gateway, logs: [note], heads: note };
  await foundNetwork({
    config,
    keys,
    topology,
    testClock: false,
    ledger,
    readModel,
    clock: Date.now,
    random: randomBytes,
    patience: PATIENCE,
  });
  return { ledger, readModel };
}

interface EdgeParts {
  readonly ledger: Ledger;
  readonly readModel: ReadModel & Parameters<typeof createRecorder>[0]["readModel"];
  readonly gateway: Signer;
  readonly lines: LogLines;
}

async function openEdge(
  folder: string,
  { ledger, readModel, gateway, lines }: EdgeParts,
  options: HarnessOptions,
  closers: Closers,
): Promise<{ readonly edge: Edge; readonly recorder: ClosingRecorder }> {
  const answers = new Answers(gateway);
  const log = newRequestLog(pino({ level: "debug", base: null }, lines));
  const report = (error: unknown) => log.fault("background", error);
  const usual: RecorderOptions = { ledger, readModel, log: LOG, clock: options.clock ?? Date.now, random: randomBytes };
  const recorder = closers.add(createRecorder(options.recorder?.(usual) ?? usual), (open) => open.close());
  const folding = closers.add(new Folding({ ledger, readModel, gateway: "gw", patience: PATIENCE, report }), (open) =>
    open.close(),
  );
  const accesses = closers.add(
    new Accesses({
      readModel,
      recorders: new Map([[LOG, recorder]]),
      deliveries: (options.deliveries ?? (() => new RowDeliveries()))(readModel),
      pause: PATIENCE.pause,
      now: options.clock ?? Date.now,
      report,
    }),
    (open) => open.close(),
  );
  const perSecond = options.perSecond ?? 100_000;
  const edge: Edge = {
    settings: {
      net: NET,
      gateway: "gw",
      publicUrl: PUBLIC_URL,
      bodyTimeoutMs: options.bodyTimeoutMs ?? 5_000,
      atLeastMs: 50,
    },
    readModel,
    ledgerHeight: () => ledger.height(),
    anchor: () => Promise.resolve(undefined),
    commands: new Commands({
      ledger,
      readModel,
      folding,
      gateway: "gw",
      regulatorMsp: "RegulatorMSP",
      patience: PATIENCE,
      waitMs: 5_000,
    }),
    accesses,
    evidence: standInEvidence(answers),
    refreshIndexes: () => Promise.resolve(),
    answers,
    verify: (jwk, command) => verify(jwk, signedBytes(command), command.signature),
    replays: closers.add(await openReplays(path.join(folder, "replays"), Date.now), (open) => open.close()),
    limiter: new RateLimiter({ perSecond, burst: perSecond }, Date.now),
    subjectTrails: new AtOnce(SUBJECT_TRAILS),
    trustText: () => "{}",
    earlierTrust: (version) => (version === 1 ? "{}" : undefined),
    clock: Date.now,
    metrics: newMetrics({ ledgerHeight: () => ledger.height(), readModelHeight: () => readModel.height() }),
    log,
  };
  return { edge, recorder };
}

/** Says which record and for whom, signed: enough to tell receipts apart. */
const standInEvidence = (answers: Answers): EvidenceFor => ({
  receipt: ({ log, record, stored }: KnownRecord, viewer): Promise<FlattenedJws> =>
    answers.sign("quanji-receipt+jws", { log, record, face: stored.face, body: stored.body, viewer: viewer.id }),
  cosigned: () => Promise.resolve(false),
  checkpoint: (log) => Promise.resolve(`${log}\n`),
  published: (log) => Promise.resolve(`${log}\n`),
  async *subjectTrail({ steward, tags, bulk }) {
    yield await Promise.resolve(`${JSON.stringify({ t: "trail", kind: "subject", id: steward, tags, bulk })}\n`);
  },
  async *year({ party, year }) {
    yield await Promise.resolve(`${JSON.stringify({ t: "year", party, year })}\n`);
  },
  hiddenUntil: () => Promise.resolve(undefined),
  kept: ({ logs: [log = ""] }) => {
    const time = "2026-03-02T01:00:00.000Z";
    return Promise.resolve({ items: [{ log, index: 0, id: "nobody's", time, fields: ["operator"] }] });
  },
  async *trail({ kind, id }) {
    yield await Promise.resolve(`${JSON.stringify({ t: "trail", kind, id })}\n`);
  },
});

export const TERMS = WEATHER_TERMS;

export const resourcePayload = (resource: string, steward: string) => ({
  ...WEATHER,
  resource,
  steward,
  servedBy: "HolderMSP",
  logs: [LOG],
  fields: [weatherField("day", "date"), weatherField("rain", "number")],
  rights: heldBy(steward),
});

const ACCESS = { ...WEATHER_USE, log: LOG, resource: "res/weather", mode: "normal", quantity: 10 } as const;
