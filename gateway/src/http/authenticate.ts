/** Who asks: typ, url, key and signature of a parsed command, then its clock. In this order, the same for every route. */
import { instant, keyIsValid, keyOf, type Party, parsePayload, QuanjiError, type Verb } from "@quanji/chaincode/domain";
import {
  algorithmOf,
  parsePublicJwk,
  partyOf,
  type PublicJwk,
  thumbprint,
  thumbprintOf,
  typOf,
} from "@quanji/chaincode/log";
import { type Edge, ledgerNow } from "./edge.js";
import type { Received } from "./envelope.js";

/** Seconds that iat may lie from this gateway's clock, either way. The chaincode's own limit is 120. */
const MAX_SKEW_SECONDS = 60;

export interface Caller {
  readonly kid: string;
  /** Party that the key belongs to, or that is about to register itself. */
  readonly id: string;
  /** Absent only while a party registers itself. */
  readonly party: Party | undefined;
}

/** A caller that the ledger knows. */
export type Member = Caller & { readonly party: Party };

/**
 * Errors: MALFORMED · TYP_MISMATCH (signed for another route), COMMAND_MISDIRECTED (for another gateway, path or query),
 * SIGNATURE_INVALID (unknown key and wrong signature alike).
 */
export async function identify(edge: Edge, { parsed }: Received, verb: Verb | "read", rawUrl: string): Promise<Caller> {
  const { header } = parsed;
  if (header.typ !== typOf(verb)) {
    throw new QuanjiError("MALFORMED", `this route takes commands of type ${typOf(verb)}`, { detail: "TYP_MISMATCH" });
  }
  if (header.url !== edge.settings.publicUrl + rawUrl) {
    throw new QuanjiError("COMMAND_MISDIRECTED", "url is not the registered URL of what was called, byte for byte");
  }
  const id = partyOf(header.kid);
  const party = await edge.readModel.party(id);
  const jwk = party === undefined ? foundingKey(verb, { parsed }, id) : keyFor(party, header.kid, verb);
  const signed = jwk !== undefined && algorithmOf(jwk) === header.alg && (await edge.verify(jwk, parsed));
  if (!signed) throw new QuanjiError("SIGNATURE_INVALID", "the signature does not verify under a registered key");
  return { kid: header.kid, id, party };
}

/** A source's key lies where the source stands: it signs tallies, and reads and does nothing else in its party's name. An escrow key is not for signing at all. */
function keyFor(party: Party, kid: string, verb: Verb | "read"): PublicJwk | undefined {
  const key = keyOf(party, thumbprintOf(kid));
  if (key?.purpose === "escrow" || (key?.purpose === "tally" && verb !== "tally.sign")) return undefined;
  return key?.jwk;
}

/** Who registers itself signs with the key that the command brings. */
function foundingKey(verb: Verb | "read", { parsed }: Pick<Received, "parsed">, id: string): PublicJwk | undefined {
  if (verb !== "party.register") return undefined;
  const { party, key } = parsePayload(verb, parsed.payload);
  const { y, ...rest } = key.jwk;
  const jwk = parsePublicJwk(y === undefined ? rest : { ...rest, y });
  return party === id && thumbprint(jwk) === thumbprintOf(parsed.header.kid) ? jwk : undefined;
}

/** Errors: COMMAND_STALE; the problem then carries the gateway's time. */
export async function assertFresh(edge: Edge, iat: number): Promise<void> {
  const now = await ledgerNow(edge);
  if (Math.abs(now / 1000 - iat) > MAX_SKEW_SECONDS) {
    throw new QuanjiError(
      "COMMAND_STALE",
      `iat is more than ${MAX_SKEW_SECONDS} s from the gateway's clock: sign anew`,
    );
  }
}

export const staleTime = async (edge: Edge): Promise<string> => instant(await ledgerNow(edge));

/** For reads, which no chaincode judges. Errors: KEY_INVALID, PARTY_INACTIVE. */
export async function assertMayRead(edge: Edge, caller: Caller): Promise<Member> {
  const { party, kid } = caller;
  const key = party === undefined ? undefined : keyOf(party, thumbprintOf(kid));
  if (party === undefined || key === undefined || !keyIsValid(key, await ledgerNow(edge))) {
    throw new QuanjiError("KEY_INVALID", "the key is outside its window, of another purpose, or reported compromised");
  }
  if (party.state !== "active") throw new QuanjiError("PARTY_INACTIVE", "the party is not active");
  return { ...caller, party };
}

/** Errors: MALFORMED · NETWORK_MISMATCH. */
export function assertNet(edge: Edge, net: unknown): void {
  if (net === edge.settings.net) return;
  throw new QuanjiError("MALFORMED", "the command names another network", { detail: "NETWORK_MISMATCH", field: "net" });
}

/** Waits a little for the read model. Errors: BEHIND. */
export async function reach(edge: Edge, atLeast: { readonly block: number } | undefined): Promise<void> {
  if (atLeast === undefined) return;
  await edge.readModel.reached(atLeast.block, AbortSignal.timeout(edge.settings.atLeastMs));
}
