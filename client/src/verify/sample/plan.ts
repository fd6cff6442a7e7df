/** A plan: what will be drawn, signed by the regulator before anybody can know which. */
import { defined, msOf, parseWith, SAMPLE_CLOSED_MS, SAMPLE_TYP, SamplePlan } from "@quanji/chaincode/domain";
import {
  type FlattenedJws,
  fromBase64url,
  type Hash,
  hashText,
  LIMITS,
  parseAnswerJws,
  parsePublicJwk,
  partyOf,
  type PublicJwk,
  sha256,
  thumbprint,
  thumbprintOf,
} from "@quanji/chaincode/log";
import { openCommand } from "../commands.js";
import type { ShownChains } from "../shown-chains.js";
import { verifyJws } from "../requester.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";

export interface OpenedPlan {
  readonly jws: ReturnType<typeof parseAnswerJws>;
  readonly plan: SamplePlan;
  /** SHA-256 of its payload: what whoever got it beforehand compares. */
  readonly hash: Hash;
}

/** The form, and whose it says it is; not the signature. Errors: TYP_MISMATCH, VERSION_UNKNOWN, NETWORK_MISMATCH, LOG_UNKNOWN, KEY_PARTY, SAMPLE_UNPROVEN, and those of a JWS. */
export function openPlan(input: FlattenedJws, trust: OpenedTrust): OpenedPlan {
  const jws = parseAnswerJws(input, LIMITS);
  if (jws.header.typ !== SAMPLE_TYP) refuse("TYP_MISMATCH", `typ must be ${SAMPLE_TYP}`);
  if (jws.payload["v"] !== "quanji.sample.v1") refuse("VERSION_UNKNOWN", "the plan's version is not quanji.sample.v1");
  const plan = parseWith(SamplePlan, jws.payload);
  if (plan.net !== trust.trust.net) refuse("NETWORK_MISMATCH", "the plan is for another network");
  if (!trust.logs.has(plan.log)) refuse("LOG_UNKNOWN", "the plan's log is not in the trust file");
  if (partyOf(jws.header.kid) !== trust.trust.regulator) refuse("KEY_PARTY", "the plan is not the regulator's");
  if (msOf(plan.to) > msOf(plan.made) - SAMPLE_CLOSED_MS) {
    refuse("SAMPLE_UNPROVEN", "the plan's period was not closed when it was made");
  }
  return { jws, plan, hash: sha256(fromBase64url(input.payload)) };
}

export const planDigest = ({ hash }: OpenedPlan): string => hashText(hash);

/** By a key that the regulator's own chain registers. Errors: KEY_PARTY, SIGNATURE_INVALID. */
export async function verifyPlan({ jws }: OpenedPlan, chains: ShownChains, trust: OpenedTrust): Promise<void> {
  const print = thumbprintOf(jws.header.kid);
  const key = keysOf(chains, trust.trust.regulator).find((jwk) => thumbprint(jwk) === print);
  if (key === undefined) return refuse("KEY_PARTY", "the plan is signed by a key that the regulator never registered");
  await verifyJws({ ...jws, signed: jws.signingInput }, key);
}

function keysOf(chains: ShownChains, party: string): readonly PublicJwk[] {
  return (chains.get(`party ${party}`)?.commands ?? []).flatMap(({ entry, request }) => {
    const { verb, payload } = openCommand(entry, request).command;
    if (verb === "network.init") return parsePublicJwk(defined(payload.regulator.jwk));
    return verb === "party.rotateKey" ? parsePublicJwk(defined(payload.key.jwk)) : [];
  });
}
