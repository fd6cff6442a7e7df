/** POST /v1/access: record first, then data (G1). The answer is a stream, or one signed answer for a denial or a repetition. */
import { CODES, parsePayload, type Party, QuanjiError } from "@quanji/chaincode/domain";
import type { FlattenedJws } from "@quanji/chaincode/log";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { type CheckedAccess, FAILED } from "../service/accesses.js";
import { deliveredOf, type OpenDelivery } from "../service/deliveries.js";
import { reasonOf } from "../service/reason.js";
import { accessOf } from "../service/records.js";
import { DELIVERY_TYP, jwsText, notFound, toQuanjiError } from "./answers.js";
import { assertFresh, assertNet, identify, reach } from "./authenticate.js";
import type { Edge } from "./edge.js";
import { checkOpenings, receive } from "./envelope.js";
import { type Exchange, write } from "./exchange.js";
import { cosignedWaitMs } from "./prefer.js";

export async function handleAccess(edge: Edge, exchange: Exchange): Promise<void> {
  const received = await receive(exchange.request, "access", edge.settings.bodyTimeoutMs);
  const { parsed, openings } = received;
  exchange.hash = parsed.request;
  const { id, kid, party } = await identify(edge, received, "access", exchange.rawUrl);
  exchange.party = id;
  edge.limiter.take(id);
  if (party === undefined) throw notFound();

  const known = await edge.accesses.known(parsed.request);
  if (known !== undefined) return repeat(edge, exchange, known, party);
  await assertFresh(edge, parsed.header.iat);
  const payload = parsePayload("access", parsed.payload);
  assertNet(edge, payload.net);
  checkOpenings("access", received);
  await reach(edge, payload.atLeast);
  const access: CheckedAccess = { type: "access", kid, payload, jws: parsed.jws, request: parsed.request, openings };
  await edge.accesses.checkQuery(access);

  const { record, first } = await edge.accesses.record(access);
  if (!first) return repeat(edge, exchange, record, party);
  if (accessOf(record).rule !== "permit") return deny(edge, exchange, record, party);
  return release(edge, exchange, record, access, party);
}

/** The same bytes again: the same receipt, and never the data again. A fresh signature (`retryOf`) may ask for those. */
async function repeat(edge: Edge, exchange: Exchange, record: KnownRecord, party: Party): Promise<void> {
  if (record.type !== "access") throw notFound();
  if (accessOf(record).rule !== "permit") return deny(edge, exchange, record, party);
  const delivery = await edge.readModel.deliveryOf(accessOf(record).request);
  await preferred(edge, exchange, record, exchange.leaving());
  await exchange.answer(edge, 200, {
    receipt: await edge.evidence.receipt(record, party),
    ...(delivery !== undefined && { delivery: await edge.evidence.receipt(delivery, party) }),
  });
}

/** What is preferred may be had at once, after a while, or not in time: the receipt says itself what it proves. */
async function preferred(edge: Edge, exchange: Exchange, record: KnownRecord, signal: AbortSignal): Promise<void> {
  const waitMs = cosignedWaitMs(exchange.request.headers["prefer"]);
  if (waitMs === undefined || !(await edge.evidence.cosigned(record, waitMs, signal))) return;
  exchange.response.setHeader("preference-applied", "evidence=cosigned");
}

async function deny(edge: Edge, exchange: Exchange, record: KnownRecord, party: Party): Promise<void> {
  const { rule } = accessOf(record);
  if (rule === "permit") throw new TypeError("a permit is not a denial");
  await preferred(edge, exchange, record, exchange.leaving());
  const receipt = await edge.evidence.receipt(record, party);
  const detail = await reasonOf(edge.readModel, record);
  const denial = new QuanjiError(rule, CODES[rule].meaning, detail === undefined ? {} : { detail });
  await exchange.refuse(edge, denial, { rule, receipt });
}

/** From here on the permit is recorded: whatever happens, a delivery record follows. */
async function release(
  edge: Edge,
  exchange: Exchange,
  record: KnownRecord,
  access: CheckedAccess,
  party: Party,
): Promise<void> {
  const signal = exchange.leaving();
  let receipt: FlattenedJws;
  try {
    await preferred(edge, exchange, record, signal);
    receipt = await edge.evidence.receipt(record, party);
  } catch (error) {
    edge.accesses.settle(record, FAILED);
    throw error;
  }
  const delivery = await edge.accesses.open(record, access, signal);
  try {
    await stream(edge, exchange, access.request, jwsText(receipt), delivery, signal);
  } finally {
    edge.accesses.settle(record, deliveredOf(await delivery.summary));
  }
}

async function stream(
  edge: Edge,
  exchange: Exchange,
  request: string,
  receipt: string,
  delivery: OpenDelivery,
  signal: AbortSignal,
): Promise<void> {
  const { response } = exchange;
  response.statusCode = 200;
  response.setHeader("content-type", "application/x-ndjson");
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  await write(response, `{"receipt":${receipt},"t":"receipt"}\n`, signal);
  for await (const chunk of delivery) {
    if (chunk.byteLength === 0) continue; // a line of nothing would be taken for a drip
    const b = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("base64");
    if (!(await write(response, `{"b":"${b}","t":"data"}\n`, signal))) break;
  }
  const { bytes, digest, outcome, rows, failure } = await delivery.summary;
  const code = failure === undefined ? undefined : toQuanjiError(failure).code;
  exchange.note(code);
  const account = { bytes, ...(code !== undefined && { code }), digest, outcome, request, rows };
  response.end(`{"delivery":${jwsText(await edge.answers.sign(DELIVERY_TYP, account))},"t":"end"}\n`);
}
