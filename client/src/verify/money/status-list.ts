/** Status lists as files: which gateway signed one, and what it says of a certificate. */
import { msOf, parseWith } from "@quanji/chaincode/domain";
import { decodeBits, flattenedOf, isSet, parseSigned, StatusList, statusListPath } from "../../documents/index.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import { verifyJws } from "../requester.js";

export interface OpenedStatusList {
  readonly url: string;
  readonly gateway: string;
  readonly validFrom: string;
  readonly validUntil: string;
  readonly bits: Uint8Array;
}

/** A gateway's list: its key is of the trust file, and the list is about the issuer whose path it stands at. */
const pathOf = (url: string, publicUrl: string): string | undefined =>
  url.startsWith(publicUrl) ? url.slice(publicUrl.length) : undefined;

/**
 * A status list credential, compact (`application/vc+jwt`) or flattened.
 * Errors: those of documents' form; GATEWAY_UNKNOWN, SIGNATURE_INVALID, STATUS_LIST_FOREIGN, STATUS_LIST_STALE.
 */
export async function openStatusList(input: string | object, trust: OpenedTrust): Promise<OpenedStatusList> {
  const signed = parseSigned(typeof input === "string" ? flattenedOf(input) : input);
  if (signed.kind !== "certificate") refuse("TYP_MISMATCH", "a status list is a credential");
  const list = parseWith(StatusList, signed.payload);
  const gateway = trust.gateways.find(({ kid }) => kid === signed.header.kid);
  if (gateway === undefined)
    return refuse("GATEWAY_UNKNOWN", "the status list is signed by a gateway that the trust file lacks");
  await verifyJws({ ...signed, signed: signed.signingInput }, gateway.jwk);
  const { id, credentialSubject, issuer, validFrom, validUntil } = list;
  if (issuer !== `urn:quanji:gateway:${gateway.name}` || pathOf(id, gateway.publicUrl) === undefined) {
    refuse("STATUS_LIST_FOREIGN", "the status list names another gateway than the one that signed it");
  }
  if (credentialSubject.id !== `${id}#list`) refuse("STATUS_LIST_FOREIGN", "the list is not its credential's own");
  if (msOf(validFrom) > msOf(validUntil)) refuse("STATUS_LIST_MALFORMED", "the status list ends before it begins");
  if (msOf(validUntil) < trust.nowMs) {
    refuse("STATUS_LIST_STALE", `the status list spoke until ${validUntil}: get it again`);
  }
  return {
    url: id,
    gateway: gateway.name,
    validFrom,
    validUntil,
    bits: await decodeBits(credentialSubject.encodedList),
  };
}

export interface StatusEntry {
  readonly statusListCredential: string;
  readonly statusListIndex: string;
}

/** That a certificate's entry points to the list of its own issuer, at a gateway of the network. Errors: STATUS_LIST_FOREIGN. */
export function assertOwnList({ statusListCredential: url }: StatusEntry, issuer: string, trust: OpenedTrust): void {
  const path = statusListPath(issuer);
  if (!trust.gateways.some(({ publicUrl }) => pathOf(url, publicUrl) === path)) {
    refuse(
      "STATUS_LIST_FOREIGN",
      "the certificate points to the status list of another issuer, or of no gateway of this network",
    );
  }
}

/**
 * Whether a list revokes. Lists of one issuer say the same at every gateway, so any of them will do.
 * Errors: STATUS_LIST_FOREIGN.
 */
export function isRevoked(entry: StatusEntry, issuer: string, list: OpenedStatusList, trust: OpenedTrust): boolean {
  const path = statusListPath(issuer);
  const gateway = trust.gateways.find(({ name }) => name === list.gateway);
  if (gateway === undefined || pathOf(list.url, gateway.publicUrl) !== path) {
    refuse("STATUS_LIST_FOREIGN", "the status list is another issuer's");
  }
  return isSet(list.bits, Number(entry.statusListIndex));
}
