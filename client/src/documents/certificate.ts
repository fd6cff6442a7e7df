/**
 * Certificate of compliant circulation 数据合规流通数字证书: a W3C Verifiable Credential. It says of what a product was made, who
 * examined it, under which contract it was delivered and how often; never a price. To whom it is shown, learns of the contract a
 * hash.
 * @see W3C Verifiable Credentials Data Model 2.0; Securing Verifiable Credentials using JOSE and COSE; Bitstring Status List 1.0
 */
import { z } from "zod";
import {
  AttestationKind,
  Digest,
  DocumentCode,
  Instant,
  Month,
  NetworkId,
  PartyId,
  ResourceVersionId,
  type Statement,
  Uuid,
} from "@quanji/chaincode/domain";
import { appendLeaves, emptyFrontier, hashText, PREFIX, prefixed, rootOf, utf8 } from "@quanji/chaincode/log";
import { STATUS_LIST_SIZE } from "./status-list.js";

export const CREDENTIALS_CONTEXT = "https://www.w3.org/ns/credentials/v2";
/** The working group's own context for terms of an issuer that has published none. */
const UNDEFINED_TERMS = "https://www.w3.org/ns/credentials/undefined-terms/v2";

/** A party as an issuer: what a credential needs is a URL. */
export const partyUrn = (party: string): string => `urn:quanji:party:${party}`;
export const partyOfUrn = (urn: string): string => urn.slice(partyUrn("").length);

/** VC-DATA-MODEL takes XML Schema's dateTime, as our instants are. */
const Status = z.strictObject({
  id: z.url(),
  statusListCredential: z.url(),
  /** Decimal, in a string: the specification's own form. */
  statusListIndex: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,5})$/)
    .refine((text) => Number(text) < STATUS_LIST_SIZE, "an index within the list"),
  statusPurpose: z.literal("revocation"),
  type: z.literal("BitstringStatusListEntry"),
});

const Subject = z.strictObject({
  attestations: z.array(z.strictObject({ id: Uuid, issuer: PartyId, kind: AttestationKind })).max(16),
  code: DocumentCode,
  /** SHA-256 of the signed `contract.sign` commands' identities, not their terms. See {@link contractDigest}. */
  contract: Digest,
  deliveries: z.strictObject({ count: z.int().min(0), root: Digest }),
  id: z.string().startsWith("urn:quanji:resource:"),
  /** The product, then what it was made of, nearest first. */
  lineage: z.array(ResourceVersionId).max(64),
  net: NetworkId,
  period: Month,
  /** Identity of the command that registered this version. */
  registration: Digest,
  resource: ResourceVersionId,
  type: z.literal("DataCirculation"),
});

export const Certificate = z.strictObject({
  "@context": z.tuple([z.literal(CREDENTIALS_CONTEXT), z.literal(UNDEFINED_TERMS)]),
  credentialStatus: Status,
  credentialSubject: Subject,
  id: z.string().startsWith("urn:quanji:certificate:"),
  issuer: z.string().startsWith("urn:quanji:party:"),
  type: z.tuple([z.literal("VerifiableCredential"), z.literal("DataCirculationCertificate")]),
  validFrom: Instant,
  validUntil: Instant.optional(),
});
export type Certificate = z.infer<typeof Certificate>;

/**
 * Deliveries in a certificate: how many lines stand on, and the root over the lines' own roots, so that it opens to the
 * statement's and tells no quantity of a tier.
 */
export function deliveriesOf({ lines }: Pick<Statement, "lines">): { readonly count: number; readonly root: string } {
  const counted = lines.filter((line) => line.kind === "tier" || line.kind === "free");
  return {
    count: counted.reduce((sum, { deliveries }) => sum + deliveries, 0),
    root: hashText(
      rootOf(
        appendLeaves(
          emptyFrontier(),
          counted.map(({ root }) => prefixed(PREFIX.leaf, utf8(root))),
        ),
      ),
    ),
  };
}

export interface CertificateFacts {
  readonly net: string;
  readonly issuer: string;
  readonly code: string;
  readonly statusIndex: number;
  /** Public URL at which the issuer's list is served. */
  readonly statusList: string;
  readonly resource: string;
  readonly registration: string;
  readonly lineage: readonly string[];
  readonly attestations: readonly { readonly id: string; readonly kind: AttestationKind; readonly issuer: string }[];
  readonly contract: string;
  readonly deliveries: { readonly count: number; readonly root: string };
  readonly period: string;
  readonly validFrom: string;
  readonly validUntil?: string;
}

export function buildCertificate(facts: CertificateFacts): Certificate {
  const { net, code, statusIndex, statusList, resource, validFrom, validUntil } = facts;
  return {
    "@context": [CREDENTIALS_CONTEXT, UNDEFINED_TERMS],
    credentialStatus: {
      id: `${statusList}#${statusIndex}`,
      statusListCredential: statusList,
      statusListIndex: String(statusIndex),
      statusPurpose: "revocation",
      type: "BitstringStatusListEntry",
    },
    credentialSubject: {
      attestations: facts.attestations.map(({ id, kind, issuer }) => ({ id, issuer, kind })),
      code,
      contract: facts.contract,
      deliveries: { ...facts.deliveries },
      id: `urn:quanji:resource:${resource}`,
      lineage: [...facts.lineage],
      net,
      period: facts.period,
      registration: facts.registration,
      resource,
      type: "DataCirculation",
    },
    id: `urn:quanji:certificate:${code}`,
    issuer: partyUrn(facts.issuer),
    type: ["VerifiableCredential", "DataCirculationCertificate"],
    validFrom,
    ...(validUntil !== undefined && { validUntil }),
  };
}
