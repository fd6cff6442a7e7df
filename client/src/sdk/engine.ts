/**
 * Signing and checking signatures, with cached keys. node:crypto where there is one (a signature costs some 30 µs there, and
 * no thread changes), WebCrypto elsewhere: this file runs in browsers too.
 */
import type * as NodeCrypto from "node:crypto";
import { QuanjiError } from "@quanji/chaincode/domain";
import {
  type Algorithm,
  concat,
  ethereumKeyOf,
  fromBase64url,
  isScalar,
  type PublicJwk,
  signTyped,
  toBase64url,
  type VerifySignature,
  verifyTyped,
} from "@quanji/chaincode/log";

export type PrivateJwk = PublicJwk & { readonly d: string };

/** Answers 64 bytes: r ‖ s with the low s (ES256, EIP712), R ‖ S (EdDSA). */
export type SignBytes = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>;

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (id: "node:crypto") => typeof NodeCrypto | undefined };
}
const node = (globalThis as Runtime).process?.getBuiltinModule?.("node:crypto");

/** As many keys as a client meets: gateways and its own. */
const MAX_KEYS = 1000;

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
/** Order n of P-256, big-endian, and n ⁄ 2 rounded down. */
const ORDER = bytesOf("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const HALF = bytesOf("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8");

/** ECDSA signatures come in pairs, s and n − s; signing with the lower leaves one spelling. @see BIP 62 (the idea) */
export function lowS(signature: Uint8Array): Uint8Array {
  let i = 0;
  while (i < 31 && signature[32 + i] === HALF[i]) i++;
  if ((signature[32 + i] ?? 0) <= (HALF[i] ?? 0)) return signature;
  const low = signature.slice();
  let borrow = 0;
  for (i = 31; i >= 0; i--) {
    const difference = (ORDER[i] ?? 0) - (signature[32 + i] ?? 0) - borrow;
    borrow = difference < 0 ? 1 : 0;
    low[32 + i] = difference + 256 * borrow;
  }
  return low;
}

/** Imports a private key once; what comes back signs with it. */
export function signerFor(jwk: PrivateJwk): SignBytes | Promise<SignBytes> {
  if (jwk.crv === "secp256k1") return ethereumSigner(jwk);
  return node === undefined ? webSigner(jwk) : nodeSigner(node, jwk);
}

/** Signs typed data alone. Errors: MALFORMED · KEY_WEAK, for a private scalar that is out of range. */
function ethereumSigner(jwk: PrivateJwk): SignBytes {
  const scalar = privateBytes(jwk);
  if (!isScalar(scalar)) {
    throw new QuanjiError("MALFORMED", "the private key is not of secp256k1's range", {
      detail: "KEY_WEAK",
      field: "d",
    });
  }
  return (data) => signTyped(data, scalar);
}

function nodeSigner(crypto: typeof NodeCrypto, jwk: PrivateJwk): SignBytes {
  const key = crypto.createPrivateKey({ key: { ...jwk }, format: "jwk" });
  return jwk.kty === "EC"
    ? (data) => lowS(new Uint8Array(crypto.sign("sha256", data, { key, dsaEncoding: "ieee-p1363" })))
    : (data) => new Uint8Array(crypto.sign(null, data, key));
}

const WEB_NAMES = {
  EC: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  OKP: { name: "Ed25519" },
} as const;

async function webSigner(jwk: PrivateJwk): Promise<SignBytes> {
  const names = WEB_NAMES[jwk.kty];
  const key = await crypto.subtle.importKey("jwk", { ...jwk }, names, false, ["sign"]);
  return async (data) => {
    const signature = new Uint8Array(await crypto.subtle.sign(names, key, data));
    return jwk.kty === "EC" ? lowS(signature) : signature;
  };
}

/** Checks signatures under public keys that were parsed before, each imported once. */
export function signatureVerifier(): VerifySignature {
  return node === undefined ? webVerifier() : nodeVerifier(node);
}

function cached<K>(load: (jwk: PublicJwk) => K): (jwk: PublicJwk) => K {
  const keys = new Map<string, K>();
  return (jwk) => {
    const name = jwk.kty === "EC" ? `${jwk.x}.${jwk.y}` : jwk.x;
    const known = keys.get(name);
    if (known !== undefined) return known;
    if (keys.size >= MAX_KEYS) keys.clear();
    const key = load(jwk);
    keys.set(name, key);
    return key;
  };
}

function nodeVerifier(crypto: typeof NodeCrypto): VerifySignature {
  const keyOf = cached((jwk) => crypto.createPublicKey({ key: { ...jwk }, format: "jwk" }));
  return (jwk, data, signature) => {
    if (jwk.crv === "secp256k1") return Promise.resolve(verifyTyped(jwk, data, signature));
    const key = keyOf(jwk);
    const holds =
      jwk.kty === "EC"
        ? crypto.verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature)
        : crypto.verify(null, data, key, signature);
    return Promise.resolve(holds);
  };
}

function webVerifier(): VerifySignature {
  const keyOf = cached((jwk) => crypto.subtle.importKey("jwk", { ...jwk }, WEB_NAMES[jwk.kty], false, ["verify"]));
  return async (jwk, data, signature) =>
    jwk.crv === "secp256k1"
      ? verifyTyped(jwk, data, signature)
      : crypto.subtle.verify(WEB_NAMES[jwk.kty], await keyOf(jwk), signature, data);
}

/** A fresh private key. */
export function generatePrivateJwk(alg: Algorithm): Promise<PrivateJwk> {
  if (alg === "EIP712") return Promise.resolve(ethereumGenerate());
  return node === undefined ? webGenerate(alg) : Promise.resolve(nodeGenerate(node, alg));
}

/** All but one in 2¹²⁷ draws are in range. */
function ethereumGenerate(): PrivateJwk {
  const scalar = crypto.getRandomValues(new Uint8Array(32));
  return isScalar(scalar) ? { ...ethereumKeyOf(scalar), d: toBase64url(scalar) } : ethereumGenerate();
}

function nodeGenerate(crypto: typeof NodeCrypto, alg: Algorithm): PrivateJwk {
  const { privateKey } =
    alg === "ES256" ? crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }) : crypto.generateKeyPairSync("ed25519");
  return exported(privateKey.export({ format: "jwk" }));
}

async function webGenerate(alg: Algorithm): Promise<PrivateJwk> {
  const names = WEB_NAMES[alg === "ES256" ? "EC" : "OKP"];
  const pair = (await crypto.subtle.generateKey(names, true, ["sign", "verify"])) as {
    privateKey: NodeCrypto.webcrypto.CryptoKey;
  };
  return exported(await crypto.subtle.exportKey("jwk", pair.privateKey));
}

/** Only the members that make the key; engines add others. */
function exported({ kty, x = "", y = "", d = "" }: { kty?: string; x?: string; y?: string; d?: string }): PrivateJwk {
  return kty === "EC" ? { crv: "P-256", kty, x, y, d } : { crv: "Ed25519", kty: "OKP", x, d };
}

/** SHA-256 over pieces, for data that arrives piece by piece. */
export interface Digester {
  update(bytes: Uint8Array): void;
  /** base64url. */
  digest(): Promise<string>;
}

/** WebCrypto has no incremental digest: there, the pieces are kept until the end. */
export function digester(): Digester {
  if (node !== undefined) {
    const hash = node.createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => Promise.resolve(hash.digest("base64url")) };
  }
  const pieces: Uint8Array[] = [];
  return {
    update: (bytes) => void pieces.push(bytes),
    digest: async () => {
      return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...pieces))));
    },
  };
}

/** Bytes of a private scalar or seed, to check its length. Errors: MALFORMED · BASE64_INVALID. */
export const privateBytes = (jwk: PrivateJwk): Uint8Array => fromBase64url(jwk.d);
