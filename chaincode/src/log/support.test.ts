/** What the tests of log/ share: keys from seeds, coded expectations, hostile values. Holds no test itself. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { expect } from "chai";
import type { Code } from "../domain/codes.js";
import { QuanjiError } from "../domain/errors.js";
import { utf8 } from "./bytes.js";
import { type Hash, PREFIX, prefixed, sha256 } from "./hash.js";
import type { PublicJwk, VerifySignature } from "./keys.js";
import type { SignBytes } from "./note-signature.js";
import { type NoteKey, noteKey, type NoteType } from "./vkey.js";

/** Runs `action` and expects a QuanjiError of exactly this code and detail. */
export function expectCode(action: () => unknown, code: Code, detail?: string): void {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  expectThrown(thrown, code, detail);
}

export async function expectCodeAsync(promise: Promise<unknown>, code: Code, detail?: string): Promise<void> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expectThrown(thrown, code, detail);
}

function expectThrown(thrown: unknown, code: Code, detail: string | undefined): void {
  expect(thrown, `nothing coded was thrown: ${String(thrown)}`).to.be.instanceOf(QuanjiError);
  const error = thrown as QuanjiError;
  expect({ code: error.code, detail: error.detail }).to.deep.equal({ code, detail });
}

/** Values that no parser of text, keys or JSON may take, and none may choke on. */
export const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 53,
  10n,
  "",
  " ",
  "\0",
  "\n",
  "\n\n",
  "null",
  "{}x",
  "[]",
  "\ud800",
  "\uFEFF",
  "__proto__",
  "🙂".repeat(10),
  "a".repeat(100_000),
  "[".repeat(100_000),
  "\n".repeat(100_000),
  Symbol("s"),
  () => "{}",
  [],
  [[]],
  ["a", "b"],
  {},
  { length: 5 },
  { toString: () => "text" },
  { toString: null, valueOf: null },
  Object.create(null),
  JSON.parse('{"__proto__":{"kty":"OKP"}}') as unknown,
  new Date(0),
  new Map([["kty", "OKP"]]),
  new Set([1]),
  new String("text"),
  new Error("an error"),
  /x/,
  Promise.resolve("text"),
  new Uint8Array(0),
  new Uint8Array(32),
  new Uint8Array(100_000),
  Uint8Array.of(0xff, 0xfe),
  Uint8Array.of(0xef, 0xbb, 0xbf),
  new ArrayBuffer(8),
  new DataView(new ArrayBuffer(8)),
  new Float64Array(3),
];

/** Every hostile value must be refused with a code; `accepted` names those that the format does take. */
export function refusesHostile(
  parse: (input: unknown) => unknown,
  accepted: (value: unknown) => boolean = () => false,
) {
  for (const value of HOSTILE) {
    if (accepted(value)) continue;
    let thrown: unknown;
    try {
      parse(value);
    } catch (error) {
      thrown = error;
    }
    const what = nameOf(value);
    expect(thrown, what).to.be.instanceOf(QuanjiError);
    expect((thrown as QuanjiError).code, what).to.equal("MALFORMED");
    expect((thrown as QuanjiError).detail, what).to.be.a("string");
  }
}

const nameOf = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value).slice(0, 40) : Object.prototype.toString.call(value);

/** Leaf i of the tree of `seed`: SHA-256(seed ‖ decimal i), as the vectors make them. */
export const leafAt = (seed: string, index: number): Hash => sha256(utf8(`${seed}${index}`));

/** Root by the definition, recursing over all leaves. @see RFC 9162 §2.1.1 */
export function naiveRoot(leaves: readonly Hash[]): Hash {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return prefixed(PREFIX.node, naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

export interface TestKey {
  readonly publicKey: Uint8Array;
  readonly jwk: PublicJwk;
  readonly sign: SignBytes;
}

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** An Ed25519 key whose private half is SHA-256 of `seed`. */
export function ed25519(seed: string): TestKey {
  const secret = createHash("sha256").update(seed).digest();
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(privateKey).export({ format: "jwk" }) as { x: string };
  return {
    publicKey: new Uint8Array(Buffer.from(x, "base64url")),
    jwk: { crv: "Ed25519", kty: "OKP", x },
    sign: (data) => new Uint8Array(sign(null, data, privateKey)),
  };
}

/** A note key with its signer. */
export function noteSigner(name: string, type: NoteType, seed = name): { key: NoteKey; sign: SignBytes } {
  const { publicKey, sign: signBytes } = ed25519(seed);
  return { key: noteKey(name, type, publicKey), sign: signBytes };
}

export const importJwk = (jwk: PublicJwk): KeyObject => createPublicKey({ key: { ...jwk }, format: "jwk" });

export const verifyByNode: VerifySignature = (jwk, data, signature) => {
  const key = importJwk(jwk);
  return Promise.resolve(
    jwk.kty === "EC"
      ? verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature)
      : verify(null, data, key, signature),
  );
};
