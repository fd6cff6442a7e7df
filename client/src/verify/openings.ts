/** Openings of commitments: of a record's links, and of what the requester committed to in its command. */
import type { QuanjiRecord } from "@quanji/chaincode/domain";
import {
  type ChainHead,
  commitLink,
  isHashText,
  type JsonObject,
  type Opening,
  type Openings,
  verifyCommitment,
} from "@quanji/chaincode/log";
import type { OpenedRequest } from "./requester.js";
import { refuse } from "./verdict.js";

export type LinkKind = "grant" | "party" | "resource";

/** The head before the record, as the record's link of that kind commits to it. Errors: LINK_MISSING, LINK_OPENING. */
export function openLink(record: QuanjiRecord, kind: LinkKind, opening: Opening | undefined): ChainHead {
  const commitment: string | undefined = (record.body.links as Partial<Record<LinkKind, string>>)[kind];
  if (commitment === undefined) return refuse("LINK_MISSING", `the record has no link of its ${kind}`);
  if (opening === undefined) return refuse("LINK_OPENING", `the link of the ${kind} is not opened`);
  const head = headOf(opening.value);
  if (saltedLink(record.body.id, `links.${kind}`, opening.salt, head) !== commitment) {
    return refuse("LINK_OPENING", `the opening does not match the record's link of the ${kind}`);
  }
  return head;
}

/** Undefined where the salt is none. */
function saltedLink(id: string, path: string, salt: string, head: ChainHead): string | undefined {
  try {
    return commitLink(id, path, salt, head);
  } catch {
    return undefined;
  }
}

function headOf(value: unknown): ChainHead {
  if (typeof value !== "object" || value === null) return refuse("LINK_OPENING", "a link opens to {n, prev}");
  const { n, prev, ...rest } = value as JsonObject;
  if (
    typeof n !== "number" ||
    !Number.isSafeInteger(n) ||
    n < 0 ||
    typeof prev !== "string" ||
    !isHashText(prev) ||
    Object.keys(rest).length > 0
  ) {
    return refuse("LINK_OPENING", "a link opens to {n, prev}");
  }
  return { n, h: prev };
}

/** Every opening of a receipt opens something. Errors: LINK_MISSING, LINK_OPENING, COMMITMENT_MISMATCH, SALT_LENGTH. */
export function verifyOpenings(openings: Openings, record: QuanjiRecord, request: OpenedRequest): void {
  for (const [path, opening] of Object.entries(openings)) {
    const kind = (["grant", "party", "resource"] as const).find((name) => path === `links.${name}`);
    if (kind !== undefined) openLink(record, kind, opening);
    else verifySaid(request, path, opening);
  }
}

/** What the requester committed to. Errors: COMMITMENT_MISMATCH, SALT_LENGTH. */
export function verifySaid(request: OpenedRequest | undefined, path: string, opening: Opening): void {
  const commitment = committed(request, path);
  const { kid = "", jti = "" } = request?.jws.header ?? {};
  verifyCommitment(commitment, [kid, jti], path, opening);
}

function committed(request: OpenedRequest | undefined, path: string): string {
  const commitment = path === "operator" || path === "query" ? request?.jws.payload[path] : undefined;
  if (typeof commitment !== "string") refuse("COMMITMENT_MISMATCH", `the request commits to no ${path}`);
  return commitment;
}
