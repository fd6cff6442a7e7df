/** Ethereum wallets: keys that are somewhere else and sign what they have shown, EIP-712 typed data. */
import { QuanjiError } from "@quanji/chaincode/domain";
import {
  addressOf,
  type EthereumJwk,
  lowerS,
  parsePublicJwk,
  recoverKey,
  type TypedData,
  typedBytes,
  verifyTyped,
} from "@quanji/chaincode/log";
import { kidOf, type Signer } from "./keys.js";

/** Hands typed data to a wallet (`eth_signTypedData_v4`) and answers its signature: `0x` and 65 bytes r ‖ s ‖ v, or 64. */
export type AskWallet = (data: TypedData) => string | Promise<string>;

export interface WalletSignature {
  /** r ‖ s, with the low s. */
  readonly signature: Uint8Array;
  /** Which of the two possible keys signed; absent where the wallet did not say. */
  readonly recovery?: 0 | 1;
}

const refuse = (message: string): QuanjiError =>
  new QuanjiError("MALFORMED", message, { detail: "JWS_SHAPE", field: "signature" });

/** As wallets write them; v is 27, 28, 0 or 1. Errors: MALFORMED · JWS_SHAPE. */
export function parseWalletSignature(text: string): WalletSignature {
  const hex = /^(?:0x)?((?:[0-9a-fA-F]{2}){64,65})$/.exec(text.trim())?.[1];
  if (hex === undefined) throw refuse("a wallet's signature is 0x and 65 bytes (r, s, v) in hexadecimal, or 64");
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const { signature, flipped } = lowerS(bytes.subarray(0, 64));
  const v = bytes[64];
  if (v === undefined) return { signature };
  const bit = v >= 27 ? v - 27 : v;
  if (bit !== 0 && bit !== 1) throw refuse("the last byte of a wallet's signature, v, is 27, 28, 0 or 1");
  return { signature, recovery: (flipped ? 1 - bit : bit) as 0 | 1 };
}

/** Keys that may have signed: one if the wallet said which, else two. */
export function accountsOf(data: TypedData, { signature, recovery }: WalletSignature): readonly EthereumJwk[] {
  const bits = recovery === undefined ? [0, 1] : [recovery];
  return bits.flatMap((bit) => recoverKey(typedBytes(data), signature, bit) ?? []);
}

/**
 * A wallet tells of its public key only by a signature: this is what it is asked to sign for that. Its domain has no salt, as no
 * network has, so it is no command's and nobody's possession.
 */
export const KEY_REQUEST: TypedData = {
  types: {
    EIP712Domain: [
      { name: "name", type: "string" },
      { name: "version", type: "string" },
    ],
    PublicKey: [{ name: "purpose", type: "string" }],
  },
  primaryType: "PublicKey",
  domain: { name: "Quanji", version: "1" },
  message: { purpose: "Show Quanji the public key of this account. This orders nothing." },
};

/** The key of the account that signed {@link KEY_REQUEST}. Errors: MALFORMED, also if it is not the account of `address`. */
export function walletKey(signature: string, address?: string): EthereumJwk {
  const accounts = accountsOf(KEY_REQUEST, parseWalletSignature(signature));
  const wanted = address?.toLowerCase();
  const fitting = accounts.filter((jwk) => wanted === undefined || addressOf(jwk) === wanted);
  const [jwk, another] = fitting;
  if (jwk !== undefined && another === undefined) return jwk;
  throw refuse(
    jwk === undefined
      ? "that is no signature of what was to be signed, or not by that account"
      : "a signature of 64 bytes fits two accounts: give the account's address, or the signature's 65 bytes",
  );
}

/**
 * A signer whose key is in a wallet. Each command is shown there and signed, or not.
 *
 * ```ts
 * const ask = (data) => ethereum.request({ method: "eth_signTypedData_v4", params: [account, JSON.stringify(data)] });
 * const client = await Client.connect({ gateway, key: walletSigner({ jwk, party }, ask) });
 * ```
 *
 * Errors of what it signs: MALFORMED · JWS_SHAPE for no signature, SIGNATURE_INVALID for that of another account.
 */
export function walletSigner(
  { jwk, party }: { readonly jwk: EthereumJwk; readonly party: string },
  ask: AskWallet,
): Signer {
  parsePublicJwk({ ...jwk });
  return {
    kid: kidOf(party, jwk),
    party,
    alg: "EIP712",
    jwk,
    sign: () => {
      throw new QuanjiError("MALFORMED", "a wallet signs typed data alone", { detail: "ALG_FORBIDDEN" });
    },
    signTyped: async (data) => signedBy(jwk, data, parseWalletSignature(await ask(data))),
  };
}

/** Errors: SIGNATURE_INVALID, naming the account that did sign. */
export function signedBy(jwk: EthereumJwk, data: TypedData, answer: WalletSignature): Uint8Array {
  if (verifyTyped(jwk, typedBytes(data), answer.signature)) return answer.signature;
  const others = answer.recovery === undefined ? [] : accountsOf(data, answer).map(addressOf);
  const by = others.length === 0 ? "" : ` (but ${others.join()}, or it signed something else)`;
  throw new QuanjiError("SIGNATURE_INVALID", `the wallet's account ${addressOf(jwk)} did not sign this${by}`);
}
