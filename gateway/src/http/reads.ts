/** Reads: POST-as-GET (RFC 8555 §6.3), answered to whom the object concerns and to nobody else. */
import { isHashText, partyOf, thumbprintOf, toBase64url } from "@quanji/chaincode/log";
import { keyOf, parseWith, QuanjiError, type Resource, SEQ_WINDOW } from "@quanji/chaincode/domain";
import type { Member } from "./authenticate.js";
import { acceptanceOf, accessBodyOf } from "../service/records.js";
import { notFound } from "./answers.js";
import type { Edge, TrailQuery } from "./edge.js";
import { contractTrailQuery, MONEY_READS } from "./money.js";
import type { ReadId } from "./routes.js";
import * as schemas from "./schemas.js";
import { derivedOf } from "./derived.js";
import { isRegulator, maySeeCommand, maySeeContract, maySeeGrant, maySeeRecord, maySeeUses } from "./visibility.js";

export interface ReadContext {
  readonly member: Member;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
}

/** Body of a signed answer, or lines to stream. */
export type ReadAnswer = { readonly body: unknown } | { readonly lines: AsyncIterable<string> };

type Read = (edge: Edge, context: ReadContext) => Promise<ReadAnswer>;

const PAGE = 50;
const limitOf = ({ query }: ReadContext): number => Number(query["limit"] ?? PAGE);

function found<T>(value: T | undefined): T {
  if (value === undefined) throw notFound();
  return value;
}

const resourceIdOf = ({ params }: ReadContext): string => `${params["prefix"] ?? ""}/${params["name"] ?? ""}`;

async function visibleGrant({ readModel }: Edge, id: string, { party }: Member) {
  const grant = found(await readModel.grant(id));
  if (!(await maySeeGrant(readModel, grant, party))) throw notFound();
  return grant;
}

async function resourceWithUses({ readModel }: Edge, id: string, { party }: Member): Promise<Resource> {
  const resource = found(await readModel.resource(id));
  if (!maySeeUses(resource, party)) throw notFound();
  return resource;
}

async function trailOf(edge: Edge, context: ReadContext, kind: TrailQuery["kind"], id: string): Promise<ReadAnswer> {
  const { from, to } = context.query;
  const period = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  const signal = AbortSignal.timeout(edge.settings.atLeastMs);
  const lines = edge.evidence.trail({ kind, id, ...period }, context.member.party, signal);
  return Promise.resolve({ lines });
}

export const READ_HANDLERS: Readonly<Record<ReadId, Read>> = {
  parties: async ({ readModel }, context) => ({
    body: await readModel.listParties(limitOf(context), context.query["cursor"]),
  }),
  party: async ({ readModel }, { params }) => ({ body: found(await readModel.party(params["id"] ?? "")) }),
  resources: async ({ readModel }, context) => ({
    body: await readModel.listResources(limitOf(context), context.query["cursor"]),
  }),
  resource: async ({ readModel }, context) => ({ body: found(await readModel.resource(resourceIdOf(context))) }),
  grants: async ({ readModel }, context) => {
    const { party } = context.member;
    const concerning = isRegulator(party) ? undefined : party.id;
    return { body: await readModel.listGrants(concerning, limitOf(context), context.query["cursor"]) };
  },
  grant: async (edge, { member, params }) => ({ body: await visibleGrant(edge, params["id"] ?? "", member) }),

  derived: async ({ readModel }, context) => {
    const { party } = context.member;
    const resource = found(await readModel.resource(resourceIdOf(context)));
    if (resource.steward !== party.id && !isRegulator(party)) throw notFound();
    return { body: { items: await derivedOf(readModel, resource.id) } };
  },
  attestations: async ({ readModel }, context) => ({
    body: await readModel.listAttestations(context.query["subject"], limitOf(context), context.query["cursor"]),
  }),
  attestation: async ({ readModel }, { params }) => ({
    body: found(await readModel.attestation(params["id"] ?? "")),
  }),
  caps: async ({ readModel }, context) => ({ body: found(await readModel.caps(resourceIdOf(context))) }),
  offers: async ({ readModel }, context) => ({
    body: await readModel.listOffers(context.query["resource"], limitOf(context), context.query["cursor"]),
  }),
  offer: async ({ readModel }, { params }) => ({ body: found(await readModel.offer(params["id"] ?? "")) }),
  contracts: async ({ readModel }, context) => {
    const { party } = context.member;
    const concerning = isRegulator(party) ? undefined : party.id;
    return { body: await readModel.listContracts(concerning, limitOf(context), context.query["cursor"]) };
  },
  contract: async ({ readModel }, { member: { party }, params }) => {
    const contract = found(await readModel.contract(params["id"] ?? ""));
    if (!maySeeContract(contract, party)) throw notFound();
    return { body: contract };
  },

  command: async ({ readModel }, { member: { party }, params }) => {
    const request = params["request"] ?? "";
    const known = found(await readModel.command(request));
    const { entry, command, chains, openings } = known.stored;
    const signer = signerOf(command.protected);
    if (!(await maySeeCommand(readModel, known, signer, party))) throw notFound();
    const opened =
      isRegulator(party) || party.id === signer ? (openings ?? (await readModel.openings(request))) : undefined;
    const { block, index, txId } = known;
    return { body: { block, index, txId, entry, command, chains, ...(opened !== undefined && { openings: opened }) } };
  },

  receipts: async ({ readModel, evidence }, { member: { party }, params }) => {
    const request = params["request"] ?? "";
    const named = found(isHashText(request) ? await readModel.recordOf(request) : undefined);
    const access = found(
      named.type === "acceptance" ? await readModel.record(named.log, acceptanceOf(named).access) : named,
    );
    if (!(await maySeeRecord(readModel, access, party))) throw notFound();
    const until = await evidence.hiddenUntil(access, party);
    if (until !== undefined) {
      // Its trails count it: that there is something is no secret, and "nothing" would be a lie.
      throw new QuanjiError("ROLE_REQUIRED", `the record is sealed by an order until ${until}`, { detail: "SEALED" });
    }
    const delivery = await readModel.deliveryOf(accessBodyOf(access).request);
    const acceptance = await readModel.acceptanceOf(access.log, access.record);
    return {
      body: {
        access: await evidence.receipt(access, party),
        ...(delivery !== undefined && { delivery: await evidence.receipt(delivery, party) }),
        ...(acceptance !== undefined && { acceptance: await evidence.receipt(acceptance, party) }),
      },
    };
  },

  seq: async ({ readModel, settings }, { member, query }) => {
    const { log } = parseWith(schemas.SeqQuery, query);
    const known = found(await readModel.log(log));
    if (known.gateway !== settings.gateway || keyOf(member.party, thumbprintOf(member.kid)) === undefined)
      throw notFound();
    const { next, seen } = await readModel.seen(log, member.kid);
    return { body: { log, next, window: toBase64url(seen.subarray(0, SEQ_WINDOW / 8)) } };
  },

  kept: async ({ readModel, evidence }, context) => {
    const { party } = context.member;
    const resource = found(await readModel.resource(resourceIdOf(context)));
    if (resource.steward !== party.id && !isRegulator(party)) throw notFound();
    const { before, cursor } = context.query;
    return { body: await evidence.kept(resource, { before, cursor, limit: limitOf(context) }, party) };
  },

  trail: async (edge, context) => {
    const { member, params } = context;
    const id = params["id"] ?? "";
    if (params["kind"] === "grant") {
      await visibleGrant(edge, id, member);
      return trailOf(edge, context, "grant", id);
    }
    const own = member.id === id || isRegulator(member.party);
    if (params["kind"] !== "party" || !own) throw notFound();
    found(await edge.readModel.party(id));
    return trailOf(edge, context, "party", id);
  },
  ...MONEY_READS,
  contractTrail: async (edge, { member, params, query }) => {
    const { period } = parseWith(schemas.ContractTrailQuery, query);
    const asked = await contractTrailQuery(edge, params["id"] ?? "", period, member.party);
    const signal = AbortSignal.timeout(edge.settings.atLeastMs);
    return { lines: edge.evidence.trail(asked, member.party, signal) };
  },
  disclosureTrail: async (edge, { member, params, query }) => {
    const { year } = parseWith(schemas.DisclosureTrailQuery, query);
    const party = params["party"] ?? "";
    if (member.id !== party && !isRegulator(member.party)) throw notFound();
    found(await edge.readModel.party(party));
    return { lines: edge.evidence.year({ party, year: Number(year) }, AbortSignal.timeout(edge.settings.atLeastMs)) };
  },
  subjectTrail: async (edge, { member, params, query }) => {
    const steward = params["steward"] ?? "";
    if (member.id !== steward && !isRegulator(member.party)) throw notFound();
    found(await edge.readModel.party(steward));
    const { tags, from, to, bulk, fresh } = parseWith(schemas.SubjectTrailQuery, query);
    const asked = {
      steward,
      tags: tags.split(",").map((text) => ({ quarter: text.slice(0, 6), tag: text.slice(7) })),
      bulk: bulk !== undefined,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
    const lines = async function* (): AsyncGenerator<string, void, void> {
      if (fresh !== undefined) await edge.refreshIndexes();
      yield* edge.evidence.subjectTrail(asked, AbortSignal.timeout(edge.settings.atLeastMs));
    };
    return { lines: edge.subjectTrails.over(member.id, lines()) };
  },
  resourceTrail: async (edge, context) => {
    const { id } = await resourceWithUses(edge, resourceIdOf(context), context.member);
    return trailOf(edge, context, "resource", id);
  },
};

/** Who signed a stored command: its header was parsed strictly when it came in. */
function signerOf(header: string): string {
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString("utf8")) as { readonly kid: string };
  return partyOf(kid);
}
