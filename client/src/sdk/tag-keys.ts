/**
 * Tag keys: 32 bytes a steward and quarter, with which the tags of data subjects are made. The steward registers a commitment and
 * the key itself encrypted to the regulator, who can so check by sample that persons were tagged right.
 */
import { keyIsValid, type Party, type PartyKey, Quarter, QuanjiError, type TagKey } from "@quanji/chaincode/domain";
import {
  equalBytes,
  fromBase64url,
  fromUtf8,
  type JsonObject,
  subjectTag,
  tagKeyCommitment,
  thumbprint,
  thumbprintOf,
  toBase64url,
  utf8,
  verifyCommitment,
} from "@quanji/chaincode/log";
import { compactDecrypt, CompactEncrypt, importJWK } from "jose";
import { type PartyKeyPair, publicOf } from "./keys.js";
import { Reader } from "./objects.js";
import type { Random } from "./random.js";
import { pathOf, type Sent, type Session } from "./session.js";

/** A steward's keys, by quarter: 32 bytes each, base64url. Whoever has them can tell whom records are about. */
export interface TagKeyRing {
  readonly net: string;
  readonly party: string;
  readonly keys: Readonly<Record<string, string>>;
}

/** Errors: STATE_CONFLICT: the ring has a key of that quarter, which may be in use. */
export function withNewTagKey(ring: TagKeyRing, quarter: string, random: Random): TagKeyRing {
  assertQuarter(quarter);
  if (ring.keys[quarter] !== undefined) {
    throw new QuanjiError(
      "STATE_CONFLICT",
      `there is a key of ${quarter} already, and tags may have been made with it`,
    );
  }
  return { ...ring, keys: { ...ring.keys, [quarter]: toBase64url(random(32)) } };
}

/** Errors: NOT_FOUND: no key of that quarter. */
export function tagKeyOf({ keys }: TagKeyRing, quarter: string): Uint8Array {
  assertQuarter(quarter);
  const key = Object.hasOwn(keys, quarter) ? keys[quarter] : undefined;
  if (key === undefined)
    throw new QuanjiError("NOT_FOUND", `there is no tag key of ${quarter} here`, { field: "quarter" });
  return fromBase64url(key);
}

/** The tag of a person or organisation in a quarter: what `subjects` of an access names. Errors: NOT_FOUND. */
export const tagOf = (ring: TagKeyRing, quarter: string, identifier: string): string =>
  subjectTag(tagKeyOf(ring, quarter), identifier);

function assertQuarter(quarter: string): void {
  if (!Quarter.safeParse(quarter).success) {
    throw new QuanjiError("MALFORMED", "a quarter looks like 2026Q4", { field: "quarter" });
  }
}

const ALGORITHM = { alg: "ECDH-ES", enc: "A256GCM" } as const;

export class TagKeys extends Reader<"parties"> {
  constructor(session: Session) {
    super(session, "parties");
  }

  /**
   * Registers the key of a quarter, sealed to the newest escrow key of the regulator (default: the first that has one). Errors:
   * NOT_FOUND: no key of that quarter in the ring; KEY_INVALID: no regulator has an escrow key in force; STATE_CONFLICT: the
   * quarter has a key.
   */
  async register(ring: TagKeyRing, quarter: string, regulator?: string): Promise<Sent> {
    const key = tagKeyOf(ring, quarter);
    const { net } = this.session;
    const { party } = this.session.parts.signer;
    if (ring.net !== net || ring.party !== party) {
      throw new QuanjiError("MALFORMED", "the ring is of another network or party", { field: "party" });
    }
    const { recipient, jwk } = await this.#recipient(regulator);
    const sealed = await new CompactEncrypt(utf8(JSON.stringify({ key: toBase64url(key), net, party, quarter })))
      .setProtectedHeader({ ...ALGORITHM, kid: recipient })
      .encrypt(await importJWK({ ...jwk }, ALGORITHM.alg));
    const payload = { party, quarter, commitment: tagKeyCommitment(key, net, party, quarter), recipient };
    return this.session.send("party.tagKey", payload, { escrow: { value: sealed } });
  }

  /**
   * The regulator takes a key out of escrow: says so on the ledger, with a ground that stays private, then opens it and holds it
   * against its commitment. Errors: NOT_FOUND: no such key, or its escrow came through another organisation;
   * KEY_INVALID: it is sealed to another key; PROOF_INVALID · COMMITMENT_MISMATCH: what is sealed is not what was registered.
   */
  async open(steward: string, quarter: string, ground: string, escrow: PartyKeyPair): Promise<Uint8Array> {
    const tagKey = tagKeyIn(await this.get(steward), quarter);
    if (thumbprintOf(tagKey.recipient) !== thumbprint(publicOf(escrow.jwk))) {
      throw new QuanjiError("KEY_INVALID", `the key is sealed to ${tagKey.recipient}: open it with that one`);
    }
    await this.session.send("party.openTagKey", { party: steward, quarter }, { ground: { value: ground } });
    return openSealed(await this.#sealed(tagKey), escrow, tagKey, { net: this.session.net, party: steward });
  }

  async #recipient(regulator: string | undefined) {
    const nowMs = this.session.nowMs();
    for await (const party of regulator === undefined ? this.all() : [await this.get(regulator)]) {
      const key = escrowKeyOf(party, nowMs);
      if (key !== undefined) return { recipient: `${party.id}#${key.thumbprint}`, jwk: key.jwk };
    }
    throw new QuanjiError(
      "KEY_INVALID",
      "no regulator has an escrow key in force: one adds it first, of purpose escrow",
    );
  }

  async #sealed({ request, escrow }: TagKey): Promise<string> {
    const { command, openings } = await this.session.read(pathOf(["commands", request]));
    const opening = (openings as Readonly<Record<string, { salt: string; value: string }>> | undefined)?.["escrow"];
    if (opening === undefined) {
      throw new QuanjiError("NOT_FOUND", "this gateway's organisation did not take the key in: ask the one that did");
    }
    const header = fromUtf8(fromBase64url((command as { readonly protected: string }).protected));
    const { kid, jti } = JSON.parse(header) as { readonly kid: string; readonly jti: string };
    verifyCommitment(escrow, [kid, jti], "escrow", opening);
    return opening.value;
  }
}

const escrowKeyOf = ({ roles, keys }: Party, nowMs: number): PartyKey | undefined =>
  roles.includes("regulator")
    ? keys.findLast((one) => one.jwk.crv === "P-256" && keyIsValid(one, nowMs, "escrow"))
    : undefined;

function tagKeyIn({ tagKeys }: Party, quarter: string): TagKey {
  const found = tagKeys?.find((one) => one.quarter === quarter);
  if (found === undefined)
    throw new QuanjiError("NOT_FOUND", `no tag key of ${quarter} is registered`, { field: "quarter" });
  return found;
}

/** What lies in an escrow, if it is what its steward registered. Errors: KEY_INVALID; PROOF_INVALID · COMMITMENT_MISMATCH. */
export async function openSealed(
  sealed: string,
  escrow: PartyKeyPair,
  { commitment, quarter }: Pick<TagKey, "commitment" | "quarter">,
  { net, party }: { readonly net: string; readonly party: string },
): Promise<Uint8Array> {
  const said = await decrypt(sealed, escrow);
  const key = said["key"];
  const bytes = typeof key === "string" ? fromBase64url(key) : new Uint8Array();
  const stated = utf8(tagKeyCommitment(bytes, net, party, quarter));
  if (bytes.length !== 32 || !equalBytes(stated, utf8(commitment))) {
    throw new QuanjiError("PROOF_INVALID", "what lies in escrow is not the key that was registered", {
      detail: "COMMITMENT_MISMATCH",
    });
  }
  return bytes;
}

async function decrypt(sealed: string, { jwk }: PartyKeyPair): Promise<JsonObject> {
  try {
    const { plaintext } = await compactDecrypt(sealed, await importJWK({ ...jwk }, ALGORITHM.alg), {
      keyManagementAlgorithms: [ALGORITHM.alg],
      contentEncryptionAlgorithms: [ALGORITHM.enc],
    });
    return JSON.parse(fromUtf8(plaintext)) as JsonObject;
  } catch (cause) {
    throw new QuanjiError("PROOF_INVALID", "what lies in escrow does not open with its recipient's key", {
      detail: "COMMITMENT_MISMATCH",
      cause,
    });
  }
}
