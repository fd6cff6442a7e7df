/**
 * Commitments hide one field while fixing it: SHA-256(0x04 ‖ salt32 ‖ JCS([context…, path, value])).
 * The context binds to one record (`[record id]`) or one command (`[kid, jti]`), so that an opening cannot be moved.
 */
import { QuanjiError } from "../domain/errors.js";
import { fromBase64url, knownBase64url, utf8 } from "./bytes.js";
import { canonical, type Json } from "./canonical.js";
import type { ChainHead } from "./chain.js";
import { type HashText, isHashText, PREFIX, prefixedText } from "./hash.js";

export interface Opening {
  /** 32 random bytes, base64url. Never derived from a kept secret: erasing it must mean something. */
  readonly salt: string;
  readonly value: Json;
}

/** Openings by path, e.g. `{"links.grant": {salt, value}}`. */
export type Openings = Readonly<Record<string, Opening>>;

/** Errors: MALFORMED · SALT_LENGTH. */
export function commit(context: readonly string[], path: string, opening: Opening): HashText {
  const salt = saltOf(opening.salt);
  return prefixedText(PREFIX.commitment, salt, utf8(canonical([...context, path, opening.value])));
}

/** {@link commit} to a link, `{n, prev}`, of a record: the same hash, its text put together from parts that need no escape. */
export function commitLink(id: string, path: string, salt: string, { n, h }: ChainHead): HashText {
  return prefixedText(PREFIX.commitment, saltOf(salt), utf8(`["${id}","${path}",{"n":${n},"prev":"${h}"}]`));
}

function saltOf(text: string): Uint8Array {
  if (typeof text === "string" && isHashText(text)) return knownBase64url(text);
  const salt = fromBase64url(text);
  if (salt.length !== 32) throw new QuanjiError("MALFORMED", "a salt has 32 bytes", { detail: "SALT_LENGTH" });
  return salt;
}

/** Errors: MALFORMED · SALT_LENGTH, COMMITMENT_MISMATCH. */
export function verifyCommitment(commitment: string, context: readonly string[], path: string, opening: Opening): void {
  if (commit(context, path, opening) !== commitment) {
    throw new QuanjiError("MALFORMED", `the opening of ${path} does not match its commitment`, {
      detail: "COMMITMENT_MISMATCH",
      field: path,
    });
  }
}
