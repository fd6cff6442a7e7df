/**
 * What a ledger of accesses looks like without batches: one transaction an access, one for its delivery, each record under a key
 * of its own, any number at once. For the benchmark alone, and it gets away with less than the product does: no log, no chains,
 * no counters, hence no quotas and no proof that nothing is missing.
 */
import { AccessRequest, decide, keyOf, NO_USES, parseWith, QuanjiError } from "@quanji/chaincode/domain";
import { canonical, type FlattenedJws, parseCommandJws, partyOf, thumbprintOf } from "@quanji/chaincode/log";
import { collectionOf, nodeVerifier, State, type World } from "@quanji/chaincode/world";

export interface NaiveDelivery {
  readonly access: string;
  readonly digest: string;
  readonly bytes: number;
}

const verify = nodeVerifier();
const key = (request: string): string => `access/${request}`;

/** Transient `request`: the signed access. Result: its id. Errors: as the product's for the same fault. */
async function access(world: World): Promise<string> {
  const state = new State(world);
  const jws = parseCommandJws(JSON.parse(world.transient("request") ?? "{}") as FlattenedJws);
  const payload = parseWith(AccessRequest, jws.payload);
  const thumbprint = thumbprintOf(jws.header.kid);
  const msp = world.submitterMsp;
  const [network, requester, resource, grant, stop, { entries: orders }] = await Promise.all([
    state.network(),
    state.party(partyOf(jws.header.kid)),
    state.resource(payload.resource),
    state.grant(msp, payload.grant ?? ""),
    state.stop(payload.grant ?? ""),
    state.orders(),
  ]);
  const jwk = requester && keyOf(requester, thumbprint)?.jwk;
  if (requester === undefined || jwk === undefined || !(await verify(jwk, jws.signingInput, jws.signature))) {
    throw new QuanjiError("SIGNATURE_INVALID", "the signature does not verify under a registered key");
  }
  if (resource === undefined) throw new QuanjiError("NOT_FOUND", "no such resource");
  const timeMs = await state.timeMs();
  const decision = decide(payload, {
    timeMs,
    timeZone: network.timeZone,
    requester,
    key: thumbprint,
    orders,
    resource,
    cells: [],
    grant: grant && { grant, stop },
    ancestors: [],
    counters: [NO_USES],
  });
  if (decision.decision !== "permit") throw new QuanjiError("STATE_CONFLICT", "the benchmark is only about permits");
  const record = { request: jws.jws, rule: decision.rule, time: new Date(timeMs).toISOString() };
  await world.putPrivate(collectionOf(msp), key(jws.request), JSON.stringify(record));
  return canonical({ access: jws.request });
}

/** Argument: {@link NaiveDelivery}. */
async function delivery(world: World, argument: string): Promise<string> {
  const { access: request } = JSON.parse(argument) as NaiveDelivery;
  const collection = collectionOf(world.submitterMsp);
  if ((await world.getPrivate(collection, key(request))) === undefined) {
    throw new QuanjiError("NOT_FOUND", "a delivery belongs to a recorded permit");
  }
  await world.putPrivate(collection, `delivery/${request}`, argument);
  return "{}";
}

export const naive = { name: "naive", functions: { access, delivery } } as const;
