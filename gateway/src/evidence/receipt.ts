/** Receipts: one record, its requester's own request, and the proof that the log holds it. None exists before VALID. */
import {
  CODES,
  type DeliveryBody,
  type Erasable,
  EVIDENCE_LIMITS,
  isCode,
  keyOf,
  type Party,
  QuanjiError,
  RECEIPT_TYP,
  type Receipt,
  recordText,
  splitVersion,
} from "@quanji/chaincode/domain";
import { algorithmOf, type FlattenedJws, partyOf, signJws, thumbprintOf } from "@quanji/chaincode/log";
import { bodyOf } from "../readmodel/body.js";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { kidOf } from "../readmodel/said.js";
import { type Audience, type EvidenceContext, proofOf } from "./context.js";

/** What a receipt reads of any body. */
type Body = Pick<DeliveryBody, "requester"> &
  Partial<Pick<DeliveryBody, "access" | "resource" | "grant">> & { readonly rule?: string };

/**
 * Signed by the gateway. The checkpoint is that of the record's own batch, until witnesses have cosigned one that holds the
 * record: then it is the first of those that are kept. The level is what the signatures amount to, and nothing else. Errors: NOT_FOUND (record of another gateway's log).
 */
export async function makeReceipt(
  context: EvidenceContext,
  record: KnownRecord,
  audience: Audience,
): Promise<FlattenedJws> {
  const { index, gateway } = context;
  const body = bodyOf(record) as Body;
  const { level, proof } = await proofOf(context, record.log, record.record, () =>
    index.batchHead(record.log, record.first),
  );
  // Members in order, here and in what they hold: the canonical form then needs no copy.
  const payload: Receipt = {
    block: record.block,
    index: record.index,
    keys: { gateway: gateway.jwk, requester: await requesterKey(context, body.requester) },
    level,
    openings: await openingsFor(context, record, body, audience),
    proof,
    record: recordText(record.stored),
    request: await requestFor(context, record, body),
    status: statusOf(body.rule),
    txId: record.txId,
    v: "quanji.receipt.v1",
  };
  const erased = await erasedFor(context, record, audience);
  const whole: Receipt = erased.length === 0 ? payload : { ...payload, erased };
  const header = { alg: algorithmOf(gateway.jwk), kid: gateway.kid, typ: RECEIPT_TYP };
  return signJws(header, whole, gateway.sign, EVIDENCE_LIMITS);
}

/** HTTP status of the decision; what is no decision is a success. */
const statusOf = (rule: string | undefined): number => (rule !== undefined && isCode(rule) ? CODES[rule].status : 200);

const lost = (what: string): QuanjiError => new QuanjiError("INTERNAL", `the index has no ${what} for this record`);

async function requesterKey({ index }: EvidenceContext, kid: string): Promise<Party["keys"][number]["jwk"]> {
  const party = await index.party(partyOf(kid));
  const key = party === undefined ? undefined : keyOf(party, thumbprintOf(kid));
  if (key === undefined) throw lost("key");
  return key.jwk;
}

/** A delivery has no request of its own: the access, whose place it states, has it. An acceptance has one, and an access. */
async function requestFor({ index }: EvidenceContext, record: KnownRecord, body: Body): Promise<FlattenedJws> {
  if (record.stored.request !== undefined) return record.stored.request;
  const access = body.access === undefined ? undefined : await index.record(record.log, body.access);
  if (access?.stored.request === undefined) throw lost("request");
  return access.stored.request;
}

/**
 * What is not opened because it was erased, for who would have it opened, and for who erased it. A command may name records of
 * several parties, so nobody else is shown it.
 */
async function erasedFor(
  context: EvidenceContext,
  { log, record }: KnownRecord,
  audience: Audience,
): Promise<NonNullable<Receipt["erased"]>> {
  const { index } = context;
  const erased: NonNullable<Receipt["erased"]> = [];
  for (const [field, request] of Object.entries(await index.erased(log, record))) {
    const known = await index.command(request);
    if (known === undefined) throw lost("erasure");
    const { entry, command } = known.stored;
    const kid = kidOf(command);
    if (!audience.regulator && partyOf(kid) !== audience.party) continue;
    erased.push({ field: field as Erasable, entry, request: command, key: await requesterKey(context, kid) });
  }
  return erased;
}

/**
 * Openings of a record's links, each for the chain's owner only: `n` tells how often a key was used, and that is commerce.
 * The requester has its own chain's, grantor and grantee the grant's, the steward the resource's. The regulator has all, and what
 * the requester committed to besides: who operated, and what was asked.
 */
async function openingsFor(
  { index }: EvidenceContext,
  { stored, log, record }: KnownRecord,
  body: Body,
  audience: Audience,
): Promise<Receipt["openings"]> {
  const links = stored.links as Receipt["openings"];
  if (audience.regulator) return { ...links, ...((await index.said(log, record)) as Receipt["openings"]) };
  const resource = body.resource === undefined ? undefined : await index.resource(splitVersion(body.resource).id);
  const grant = body.grant === undefined ? undefined : await index.grant(splitVersion(body.grant).id);
  const owners: Readonly<Record<string, readonly (string | undefined)[]>> = {
    "links.party": [partyOf(body.requester)],
    "links.resource": [resource?.steward],
    "links.grant": [grant?.grantor, grant?.grantee],
  };
  return Object.fromEntries(Object.entries(links).filter(([path]) => owners[path]?.includes(audience.party) === true));
}
