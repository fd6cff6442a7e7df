/** Names, keys and signatures of the small world: a key's private half follows from its name. Holds no test itself. */
import { createECDH, createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
import { RECEIPT_TYP, TRUST_TYP } from "@quanji/chaincode/domain";
import {
  type Algorithm,
  algorithmOf,
  canonical,
  ethereumKeyOf,
  type FlattenedJws,
  formatVkey,
  noteKey,
  type NoteKey,
  type NoteSignature,
  parsePublicJwk,
  type PublicJwk,
  signJws,
  signNote,
  signTyped,
  thumbprint,
  toBase64url,
  utf8,
  type VerifySignature,
  verifyTyped,
  cosignNote,
  type NoteType,
} from "@quanji/chaincode/log";

export const NET = "quanji.test/city";
export const START = Date.parse("2026-03-02T01:00:00.000Z");
export const LOG = `${NET}/gw/0`;
export const OTHER_LOG = `${NET}/gw/1`;
export const URLS = { gw: "http://127.0.0.1:8080", gx: "http://127.0.0.1:8081" } as const;
export const MSP = "HolderMSP";

export interface Signer {
  readonly jwk: PublicJwk;
  readonly print: string;
  readonly sign: (data: Uint8Array) => Uint8Array;
  /** The same on a thread of the engine's. */
  readonly signAside: (data: Uint8Array) => Promise<Uint8Array>;
}

const signOnThread = promisify(
  (
    algorithm: "sha256" | null,
    data: Uint8Array,
    key: Parameters<typeof sign>[2],
    done: (e: Error | null, s: Buffer) => void,
  ) => sign(algorithm, data, key, done),
);

/** A key whose private half follows from a name. */
export function signer(name: string, alg: Algorithm = "EdDSA"): Signer {
  const secret = createHash("sha256").update(name).digest();
  if (alg === "EIP712") return ethereumSigner(secret);
  const key = alg === "EdDSA" ? ed25519Key(secret) : p256Key(secret);
  const { crv, kty, x, y } = createPublicKey(key).export({ format: "jwk" });
  const jwk = parsePublicJwk(y === undefined ? { crv, kty, x } : { crv, kty, x, y });
  const [algorithm, how] =
    alg === "EdDSA" ? ([null, key] as const) : (["sha256", { key, dsaEncoding: "ieee-p1363" }] as const);
  return {
    jwk,
    print: thumbprint(jwk),
    sign: (data) => new Uint8Array(sign(algorithm, data, how)),
    signAside: async (data) => new Uint8Array(await signOnThread(algorithm, data, how)),
  };
}

/** Signs typed data, or anything else as if it were: what an attacker would with the owner's help. */
function ethereumSigner(secret: Uint8Array): Signer {
  const jwk = ethereumKeyOf(secret);
  const signBytes = (data: Uint8Array): Uint8Array => signTyped(data, secret);
  return { jwk, print: thumbprint(jwk), sign: signBytes, signAside: (data) => Promise.resolve(signBytes(data)) };
}

const ed25519Key = (secret: Buffer): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), secret]),
    format: "der",
    type: "pkcs8",
  });

function p256Key(secret: Buffer): KeyObject {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(secret);
  const point = ecdh.getPublicKey();
  const [x = "", y = ""] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString("base64url"));
  return createPrivateKey({ key: { kty: "EC", crv: "P-256", d: secret.toString("base64url"), x, y }, format: "jwk" });
}

export const verifyByNode: VerifySignature = (jwk, data, signature) => {
  if (jwk.crv === "secp256k1") return Promise.resolve(verifyTyped(jwk, data, signature));
  const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  return Promise.resolve(
    jwk.kty === "EC"
      ? verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature)
      : verify(null, data, key, signature),
  );
};

/** A note key with its signer. */
export function noteSigner(name: string, type: NoteType = 1, seed = `${name} ${type}`) {
  const { jwk, sign: signBytes } = signer(seed);
  const key: NoteKey = noteKey(name, type, Buffer.from(jwk.x, "base64url"));
  return {
    key,
    vkey: formatVkey(key),
    note: (text: string): Promise<NoteSignature> => signNote(text, key, signBytes),
    cosign: (text: string, time: number): Promise<NoteSignature> => cosignNote(text, key, time, signBytes),
  };
}

export interface PartyKeys {
  readonly id: string;
  readonly key: Signer;
}
export const PARTIES = {
  regulator: { id: "urn:quanji:regulator", key: signer("regulator") },
  bureau: { id: "urn:quanji:bureau", key: signer("bureau", "ES256") },
  approver: { id: "urn:quanji:approver", key: signer("approver", "ES256") },
  insurer: { id: "urn:quanji:insurer", key: signer("insurer") },
  operator: { id: "urn:quanji:operator", key: signer("operator") },
} as const satisfies Record<string, PartyKeys>;
export type Name = keyof typeof PARTIES;

export const RESOURCE = "res/weather.daily";
export const FIELDS = ["station", "day", "rain"];
export const HEADS = noteSigner("heads.test/h");
export const LOG_KEYS: Readonly<Record<string, ReturnType<typeof noteSigner>>> = {
  [LOG]: noteSigner(LOG),
  [OTHER_LOG]: noteSigner(OTHER_LOG),
};
export const GATEWAY = signer("gateway gw");
export const kidOf = (party: string, key: Signer): string => `${party}#${key.print}`;

export const TRUST_SIGNER = signer("trust signer");

export function trustFile(payload: unknown, signers: readonly { kid: string; key: Signer }[] = [OWN]): string {
  const text = toBase64url(utf8(canonical(payload, { maxBytes: 1 << 20, maxDepth: 12 })));
  const signatures = signers.map(({ kid, key }) => {
    const header = toBase64url(utf8(canonical({ alg: algorithmOf(key.jwk), kid, typ: TRUST_TYP })));
    return { protected: header, signature: toBase64url(key.sign(utf8(`${header}.${text}`))) };
  });
  return canonical({ payload: text, signatures }, { maxBytes: 1 << 21, maxDepth: 12 });
}
export const OWN = { kid: kidOf(PARTIES.regulator.id, TRUST_SIGNER), key: TRUST_SIGNER };

export function signReceipt(payload: unknown, key = GATEWAY, kid = kidOf("gw", key)): Promise<FlattenedJws> {
  const limits = { maxBytes: 64 * 1024, maxDepth: 12 };
  return signJws({ alg: algorithmOf(key.jwk), kid, typ: RECEIPT_TYP }, payload, (data) => key.sign(data), limits);
}
