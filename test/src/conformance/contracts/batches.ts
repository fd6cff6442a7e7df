/** Batches made up at random: records of every type, right and wrong ones together, upon the log's head or beside it. */
import { instant, type LogState, MAX_SUBJECTS, type Outcome, OUTCOMES } from "@quanji/chaincode/domain";
import { canonical, EMPTY_ROOT_TEXT, type FlattenedJws, type JsonObject, sha256Text } from "@quanji/chaincode/log";
import { IDS, NET, randomText } from "@quanji/chaincode/testing";
import { type BatchRecord, TRANSACTIONS } from "@quanji/chaincode/world";
import { HOSTILE_VALUES } from "../../attacks/payloads.js";
import { type Gateway, gatewayOf, GATEWAYS, type Handover, type PlacedGrant, type Scene } from "./scene.js";
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
  const isAboutPersons = scene.resources().some(({ id, subjectKind }) => id === resource && subjectKind === "person");
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
    ...(dice.once(isAboutPersons ? 2 : 30) && { subjects: dice.one(SUBJECTS) }),
  };
}

const tagOf = (name: string): string => sha256Text(name);
/** Rising, but for the last. */
const SUBJECTS = [
  [tagOf("alice")],
  [tagOf("alice"), tagOf("bob")].sort(),
  [tagOf("bob"), tagOf("carol")].sort(),
  [tagOf("alice"), tagOf("bob")].sort().reverse(),
];

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

/** What an acceptance repeats of a delivery, mostly as it is. */
function handedOver({ dice }: Scene, told: Handover | undefined): JsonObject {
  if (told === undefined) return { record: 0, digest: sha256Text("nothing"), rows: dice.below(9) };
  const { access: record, digest, rows, subjects } = told.record.body;
  return {
    record,
    digest: dice.once(10) ? sha256Text("another") : digest,
    rows,
    ...(Array.isArray(subjects) && { subjects: [...subjects] }),
  };
}

/** Mostly in the words of a delivery that is there, and by who received it. */
function acceptance(scene: Scene, log: LogState, via: Gateway): BatchRecord {
  const { dice } = scene;
  const accepted = scene.accepted(log);
  const told = scene.likely(
    scene.deliveries(),
    (one) => one.log.origin === log.origin && one.record.body.outcome === "delivered" && !accepted.has(one.index),
  );
  const payload = { net: NET, log: log.origin, ...handedOver(scene, told) };
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

/** By the steward's source, mostly of records that are there and are not tallied yet. */
function tally(scene: Scene, log: LogState, via: Gateway, index: number): BatchRecord {
  const { dice } = scene;
  const held = scene.likely(scene.resources(), ({ logs, steward }) => {
    return logs.includes(log.origin) && steward === scene.source?.party;
  });
  const resource = held?.id ?? "res/none";
  const from = Math.max(0, scene.talliedTo(log, resource) - (dice.once(10) ? 1 : 0));
  const to = dice.once(10) ? index + 1 : Math.min(index, from + 1 + dice.below(9));
  const payload = { net: NET, log: log.origin, resource, from, to, served: dice.below(Math.max(1, to - from) + 1) };
  const by = dice.once(8) ? scene.anybody() : (scene.source ?? scene.anybody());
  const words = unsigned(scene, "tally.sign", "/v1/commands/tally.sign", { by, payload, via });
  const said = dice.once(8) ? dice.one(SPOILED)(scene, words) : words;
  return { type: "tally", ...scene.network.item(), request: tampered(scene, sign(said)) };
}

/** Of records up to here, or to some that came before; its root is what its gateway says, since no chaincode can tell. */
function index(scene: Scene, log: LogState, at: number): BatchRecord {
  const { dice } = scene;
  const from = scene.indexedTo(log);
  const before = dice.once(10) ? at + 1 : Math.max(from - (dice.once(10) ? 1 : 0), at - dice.below(4));
  const isEmpty = before <= from || dice.once(3);
  const size = isEmpty ? 0 : 1 + dice.below(dice.once(10) ? (before - from) * MAX_SUBJECTS + 2 : 3);
  return {
    type: "index",
    ...scene.network.item(),
    before,
    // Those of this batch are in the batch that begins at the log's head.
    first: dice.once(12) ? 0 : before > log.size ? log.size : (scene.firstOf(log, before - 1) ?? 0),
    root: isEmpty !== dice.once(12) ? EMPTY_ROOT_TEXT : sha256Text(`root ${before}`),
    size,
    seed: randomText(32),
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

/** @param at where it would stand in the log */
function recordAtRandom(scene: Scene, log: LogState, via: Gateway, at: number): BatchRecord {
  if (scene.dice.once(5)) return delivery(scene, log);
  if (scene.dice.once(8)) return tally(scene, log, via, at);
  if (scene.dice.once(8)) return index(scene, log, at);
  return scene.dice.once(8) ? acceptance(scene, log, via) : signedRecord(scene, log, via);
}

export function batchAtRandom(scene: Scene): Sending | undefined {
  const { dice } = scene;
  const log = logOf(scene);
  if (log === undefined) return undefined;
  const via = Object.values(GATEWAYS).find(({ name }) => name === log.gateway) ?? gatewayOf(log.msp);
  const records = Array.from({ length: 1 + dice.below(MOST_RECORDS) }, (_, i) =>
    recordAtRandom(scene, log, via, log.size + i),
  );
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
