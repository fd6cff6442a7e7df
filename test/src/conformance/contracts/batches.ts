/** Batches made up at random: accesses, voids, deliveries and acceptances, right and wrong ones together, upon the log's head or beside it. */
import { instant, type LogState, type Outcome, OUTCOMES } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, type JsonObject, sha256Text } from "@quanji/chaincode/log";
import { IDS, NET, randomText } from "@quanji/chaincode/testing";
import { type BatchRecord, TRANSACTIONS } from "@quanji/chaincode/world";
import { HOSTILE_VALUES } from "../../attacks/payloads.js";
import { type Gateway, gatewayOf, GATEWAYS, type PlacedGrant, type Scene } from "./scene.js";
import { type Sending, sign, type Unsigned, unsigned } from "./signing.js";

const MOST_RECORDS = 4;

function logOf(scene: Scene): LogState | undefined {
  const served = new Set(scene.grants().flatMap(({ grant }) => grant.logs));
  return scene.likely(scene.logs(), ({ origin }) => served.has(origin));
}

function accessUnder(scene: Scene, log: LogState, placed: PlacedGrant | undefined): JsonObject {
  const { dice } = scene;
  const grant = placed?.grant;
  const resource = grant?.resource.slice(0, grant.resource.lastIndexOf("@"));
  return {
    net: NET,
    log: log.origin,
    resource: resource ?? dice.one(["res/weather.daily", "res/bus.stops", "res/none"]),
    ...(grant !== undefined && { grant: grant.id }),
    action: dice.once(10) ? "export" : "query",
    purpose: dice.one(["risk.assessment", "risk.assessment", "research", "marketing"]),
    fields: dice.one([["day"], ["day", "rain"], ["temperature"]]),
    ...(dice.once(4) && { range: { from: dice.one(["2026-01-01", "2009-01-01"]), to: "2026-06-01" } }),
    environment: { kind: dice.once(10) ? "tee" : "api", jurisdiction: dice.once(10) ? "SG" : "CN" },
    mode: "normal",
    quantity: 1 + dice.below(5),
  };
}

const SPOILED: readonly ((scene: Scene, words: Unsigned) => Unsigned)[] = [
  (_, words) => ({ ...words, payload: { ...words.payload, net: "quanji.test/other" } }),
  (_, words) => ({ ...words, payload: { ...words.payload, log: `${NET}/other/0` } }),
  (_, words) => ({ ...words, payload: { ...words.payload, seq: 0 } }),
  (_, words) => ({ ...words, payload: { ...words.payload, seq: 5_000 } }),
  (_, words) => ({ ...words, payload: { ...words.payload, quantity: 0 } }),
  (_, words) => ({ ...words, header: { ...words.header, typ: "quanji-grant.approve+jws" } }),
  (_, words) => ({ ...words, header: { ...words.header, url: "https://other.test/v1/access" } }),
  (_, words) => ({ ...words, header: { ...words.header, iat: Number(words.header["iat"]) - 600 } }),
  (scene, words) => ({ ...words, by: scene.anybody() }),
  (_, words) => ({ ...words, openings: { operator: { salt: "A".repeat(43), value: "another desk" } } }),
  (_, words) => ({ ...words, openings: { purpose: { salt: "A".repeat(43), value: "x" } } }),
];

function signedRecord(scene: Scene, log: LogState, via: Gateway): BatchRecord {
  const { dice } = scene;
  const isVoid = dice.once(5);
  const placed = dice.once(10)
    ? undefined
    : scene.likely(scene.grants(), ({ grant }) => grant.state === "active" && grant.logs.includes(log.origin));
  const by = scene.by(placed?.grant.grantee ?? IDS.insurer);
  const seq = scene.network.nextSeq(`${by.kid} ${log.origin}`);
  const payload = isVoid ? { net: NET, log: log.origin } : accessUnder(scene, log, placed);
  const draft = {
    by,
    payload: { ...payload, seq },
    via,
    ...(!isVoid && { secrets: { operator: "desk 7", ...(dice.once(3) && { query: { limit: 2 } }) } }),
  };
  const words = isVoid
    ? unsigned(scene, "access.void", "/v1/commands/access.void", draft)
    : unsigned(scene, "access", "/v1/access", draft);
  const said = dice.once(8) ? dice.one(SPOILED)(scene, words) : words;
  const request = tampered(scene, sign(said));
  if (isVoid) return { type: "void", request, ...scene.network.item() };
  return { type: "access", request, ...(!dice.once(4) && { openings: said.openings }), ...scene.network.item() };
}

const tampered = ({ dice }: Scene, jws: FlattenedJws): FlattenedJws =>
  dice.once(20) ? { ...jws, signature: `${jws.signature.slice(0, 10)}${jws.signature.slice(9, -1)}` } : jws;

function delivery(scene: Scene, log: LogState): BatchRecord {
  const { dice } = scene;
  const permit = scene.likely(scene.permits(), (one) => one.log.origin === log.origin);
  const outcome: Outcome = dice.one(OUTCOMES);
  return {
    type: "delivery",
    ...scene.network.item(),
    access: permit?.index ?? 0,
    first: dice.once(10) ? 0 : (permit?.first ?? 0),
    bytes: dice.below(5_000),
    digest: sha256Text("what was handed over"),
    masked: dice.once(3) ? ["round:rain:10"] : [],
    outcome,
    rows: dice.below(9),
  };
}

/** Mostly in the words of a delivery that is there, and by who received it. */
function acceptance(scene: Scene, log: LogState, via: Gateway): BatchRecord {
  const { dice } = scene;
  const told = scene.likely(scene.deliveries(), (one) => one.log.origin === log.origin);
  const payload = {
    net: NET,
    log: log.origin,
    record: told?.record.body.access ?? 0,
    digest: dice.once(10) ? sha256Text("another") : (told?.record.body.digest ?? sha256Text("nothing")),
    rows: told?.record.body.rows ?? dice.below(9),
  };
  const by = scene.by(told?.record.face.unit ?? IDS.insurer);
  const words = unsigned(scene, "access.accept", "/v1/commands/access.accept", { by, payload, via });
  const said = dice.once(8) ? dice.one(SPOILED)(scene, words) : words;
  return {
    type: "acceptance",
    ...scene.network.item(),
    delivery: told?.index ?? 0,
    first: told?.first ?? 0,
    request: tampered(scene, sign(said)),
  };
}

/** A whole batch that is wrong, or a gateway that is. */
const WRONG: readonly ((scene: Scene, it: Sending) => Sending)[] = [
  (scene, it) => ({ ...it, msp: scene.dice.one(["HolderMSP", "ExchangeMSP"]) }),
  (_, it) => withArguments(it, { size: 7 }),
  (_, it) => withArguments(it, { digest: sha256Text("another") }),
  (_, it) => withArguments(it, { root: sha256Text("another") }),
  (_, it) => withArguments(it, { log: `${NET}/holder/77` }),
  (_, it) => withArguments(it, { more: 1 }),
  (scene, it) => withBatch(it, scene.dice.one(HOSTILE_VALUES)),
  (scene, it) => {
    const text = it.request.transient?.["batch"] ?? "";
    const hostile = scene.dice.one(HOSTILE_VALUES);
    return withBatch(
      it,
      text.replace(/"(nonce|id|time|type)":"[^"]*"/, (_, name) => `"${String(name)}":${hostile}`),
    );
  },
  (_, it) => ({ ...it, request: { ...it.request, transient: {} } }),
  (scene, it) => ({ ...it, request: { ...it.request, endorsers: [scene.dice.one([it.msp, "RegulatorMSP"])] } }),
];

function withArguments(it: Sending, change: JsonObject): Sending {
  const before = JSON.parse(it.request.args[0] ?? "{}") as JsonObject;
  return { ...it, request: { ...it.request, args: [canonical({ ...before, ...change })] } };
}

const withBatch = (it: Sending, batch: string): Sending => ({
  ...withArguments(it, { digest: sha256Text(batch) }),
  request: { ...withArguments(it, { digest: sha256Text(batch) }).request, transient: { batch } },
});

function recordAtRandom(scene: Scene, log: LogState, via: Gateway): BatchRecord {
  if (scene.dice.once(5)) return delivery(scene, log);
  return scene.dice.once(8) ? acceptance(scene, log, via) : signedRecord(scene, log, via);
}

export function batchAtRandom(scene: Scene): Sending | undefined {
  const { dice } = scene;
  const log = logOf(scene);
  if (log === undefined) return undefined;
  const via = Object.values(GATEWAYS).find(({ name }) => name === log.gateway) ?? gatewayOf(log.msp);
  const records = Array.from({ length: 1 + dice.below(MOST_RECORDS) }, () => recordAtRandom(scene, log, via));
  const first = records[0];
  if (first !== undefined && dice.once(12)) records.push(first);
  if (first !== undefined && dice.once(12)) {
    records[0] = { ...first, time: instant(scene.network.now() + dice.one([-600_000, 600_000])) };
  }
  const batch = JSON.stringify({ nonce: randomText(32), records });
  const { origin, size, root } = log;
  const args = [canonical({ log: origin, size, root, digest: sha256Text(batch) })];
  const it: Sending = { msp: via.msp, request: { name: TRANSACTIONS.recordBatch, args, transient: { batch } } };
  return dice.once(8) ? dice.one(WRONG)(scene, it) : it;
}
