/** Keys of a party: made, parsed, opened for signing. Where they are kept is another matter (key-file.ts). */
import { QuanjiError } from "@quanji/chaincode/domain";
import {
  type Algorithm,
  algorithmOf,
  concat,
  parsePublicJwk,
  partyOf,
  possessionBytes,
  type PublicJwk,
  thumbprint,
  thumbprintOf,
  toBase64url,
  type TypedData,
  typedPossession,
  utf8,
} from "@quanji/chaincode/log";
import {
  generatePrivateJwk,
  type PrivateJwk,
  privateBytes,
  type SignBytes,
  signatureVerifier,
  signerFor,
} from "./engine.js";

export type { PrivateJwk } from "./engine.js";

/** A private key, and for which party it signs, if that is known already. */
export interface PartyKeyPair {
  readonly jwk: PrivateJwk;
  readonly party?: string;
}

/** A key that is ready to sign. */
export interface Signer {
  /** `<party>#<RFC 7638 thumbprint>`. */
  readonly kid: string;
  readonly party: string;
  readonly alg: Algorithm;
  readonly jwk: PublicJwk;
  /** An Ethereum key's signs what `typedBytes` makes, and nothing else is taken. */
  readonly sign: SignBytes;
  /** Present where the key is in a wallet, which has to see what it signs. */
  readonly signTyped?: (data: TypedData) => Promise<Uint8Array>;
}

/**
 * A new key. EdDSA signs faster, ES256 is what hardware tokens have, EIP712 is an Ethereum account's and signs no accesses.
 *
 * ```ts
 * const key = await generateKey("EdDSA");
 * const signer = await openSigner({ jwk: key, party: "91440300MAQJ0001XF" });
 * ```
 */
export const generateKey = (alg: Algorithm): Promise<PrivateJwk> => generatePrivateJwk(alg);

export function publicOf(jwk: PrivateJwk): PublicJwk {
  const { d: _private, ...rest } = jwk;
  return rest;
}

export const kidOf = (party: string, jwk: PublicJwk): string => `${party}#${thumbprint(jwk)}`;

/** Members beside the key's own that other tools write; `alg` and `use` would only repeat what the key says. */
const TOLERATED = new Set(["kid", "alg", "use", "key_ops", "ext"]);

const KID = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}#[A-Za-z0-9_-]{43}$/;

/**
 * A private JWK as in key files: `kid`, if present, is `<party>#<thumbprint>`.
 * Errors: MALFORMED · KEY_WEAK, ALG_FORBIDDEN, HEADER_FORBIDDEN, KEY_THUMBPRINT.
 */
export function parsePrivateJwk(input: unknown): PartyKeyPair {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new QuanjiError("MALFORMED", "a key is a JSON object (JWK)", { detail: "KEY_WEAK" });
  }
  const { d, kid, ...rest } = input as Record<string, unknown>;
  const own = Object.fromEntries(Object.entries(rest).filter(([name]) => !TOLERATED.has(name)));
  const jwk = parsePublicJwk(own);
  if (typeof d !== "string") {
    throw new QuanjiError("MALFORMED", "the file holds no private key (member d)", { detail: "KEY_WEAK", field: "d" });
  }
  const pair = { jwk: { ...jwk, d } };
  if (privateBytes(pair.jwk).length !== 32) {
    throw new QuanjiError("MALFORMED", "a private key has 32 bytes", { detail: "KEY_WEAK", field: "d" });
  }
  if (kid === undefined || kid === thumbprint(jwk)) return pair;
  if (typeof kid !== "string" || !KID.test(kid) || thumbprintOf(kid) !== thumbprint(jwk)) {
    throw new QuanjiError("MALFORMED", "kid is not <party>#<thumbprint of this key>", {
      detail: "KEY_THUMBPRINT",
      field: "kid",
    });
  }
  return { ...pair, party: partyOf(kid) };
}

/** As written to key files. */
export const toJwkFile = ({ jwk, party }: PartyKeyPair): Record<string, string> => ({
  ...jwk,
  ...(party !== undefined && { kid: kidOf(party, publicOf(jwk)) }),
});

const TRIAL = utf8("quanji: does this private key belong to this public key?");
/** In the form that an Ethereum key signs: of a domain and a message that are nobody's. */
const TYPED_TRIAL = concat(Uint8Array.of(0x19, 0x01), new Uint8Array(64));

/** Opens a key for a party. Errors: MALFORMED · KEY_WEAK if private and public half do not belong together. */
export async function openSigner({ jwk, party }: PartyKeyPair & { readonly party: string }): Promise<Signer> {
  const publicJwk = parsePublicJwk(publicOf(jwk));
  const sign = await signerFor(jwk);
  const trial = publicJwk.crv === "secp256k1" ? TYPED_TRIAL : TRIAL;
  if (!(await signatureVerifier()(publicJwk, trial, await sign(trial)))) {
    throw new QuanjiError("MALFORMED", "the private key does not belong to the public key", { detail: "KEY_WEAK" });
  }
  return { kid: kidOf(party, publicJwk), party, alg: algorithmOf(publicJwk), jwk: publicJwk, sign };
}

/** Proof that whoever asks to register `signer`'s key holds it, for `party.rotateKey`. */
export const possession = async (net: string, signer: Signer): Promise<string> =>
  toBase64url(
    signer.signTyped === undefined
      ? await signer.sign(possessionBytes(net, signer.party, signer.jwk))
      : await signer.signTyped(typedPossession(net, signer.party, signer.jwk)),
  );
