/**
 * What the parties of an escrow deal agree on and sign, without any chain: terms, claims of a statement, answers to a
 * dispute (EIP-712). Amounts are in the token's smallest units; of statements, in minor units of their currency.
 * @see docs/decisions/0035-escrow.md
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { isHashText, parseHash } from "@quanji/chaincode/log";
import {
  AbiCoder,
  encodeBytes32String,
  hexlify,
  isHexString,
  keccak256,
  recoverAddress,
  sha256,
  type Signer,
  toUtf8Bytes,
  TypedDataEncoder,
  type TypedDataField,
} from "ethers";

export interface Terms {
  /** {@link contractTopic} of the ledger's contract. */
  readonly contractId: string;
  readonly payer: string;
  readonly token: string;
  /** Most that may ever be locked. */
  readonly limit: bigint;
  /** Smallest units of the token in one minor unit of the statement's currency: 10^k. */
  readonly unit: bigint;
  /** Ascending. */
  readonly signers: readonly string[];
  readonly threshold: number;
  readonly disputeSeconds: number;
  /** Seconds since 1970. */
  readonly expires: number;
}

export interface Portion {
  readonly payee: string;
  readonly amount: bigint;
}

/** The contract that a signature is for. */
export interface EscrowPlace {
  readonly chain: number;
  readonly address: string;
}

export interface Claim {
  readonly deal: string;
  /** Digest of the statement, 0x-prefixed hex. */
  readonly root: string;
  /** Month of the statement, `2026-10`. */
  readonly period: string;
  readonly revision: number;
  readonly portions: readonly Portion[];
}

export interface Resolution {
  readonly deal: string;
  readonly root: string;
  /** What the payer disputed the claim with. */
  readonly reason: string;
  readonly portions: readonly Portion[];
}

const PORTION = [
  { name: "payee", type: "address" },
  { name: "amount", type: "uint128" },
];
const CLAIM = {
  Claim: [
    { name: "deal", type: "bytes32" },
    { name: "statementRoot", type: "bytes32" },
    { name: "period", type: "bytes32" },
    { name: "revision", type: "uint32" },
    { name: "total", type: "uint256" },
    { name: "portions", type: "Portion[]" },
  ],
  Portion: PORTION,
};
const RESOLUTION = {
  Resolution: [
    { name: "deal", type: "bytes32" },
    { name: "statementRoot", type: "bytes32" },
    { name: "reason", type: "bytes32" },
    { name: "total", type: "uint256" },
    { name: "portions", type: "Portion[]" },
  ],
  Portion: PORTION,
};
const TERMS =
  "tuple(bytes32 contractId,address payer,address token,uint128 limit,uint128 unit,address[] signers,uint8 threshold,uint32 disputeSeconds,uint64 expires)";

/** SHA-256 of the contract's id, as the chain has it. */
export const contractTopic = (contract: string): string => sha256(toUtf8Bytes(contract));

/** Name of a deal: Keccak-256 of its terms in the ABI's encoding. Other terms are another deal. */
export const dealOf = (terms: Terms): string => keccak256(AbiCoder.defaultAbiCoder().encode([TERMS], [terms]));

/** A month's name as the chain has it: its text, then zeros. */
export const periodBytes = (period: string): string => encodeBytes32String(period);

export const totalOf = (portions: readonly Portion[]): bigint => portions.reduce((sum, { amount }) => sum + amount, 0n);

/** A hash as 0x-prefixed hex, from that or from the ledger's own form (base64url). Errors: MALFORMED. */
export function toBytes32(hash: string, field: string): string {
  if (isHexString(hash, 32)) return hash.toLowerCase();
  if (isHashText(hash)) return hexlify(parseHash(hash));
  throw new QuanjiError("MALFORMED", `${field} is a hash: 0x and 64 hex digits, or 43 characters of base64url`, {
    field,
  });
}

/** Portions of a statement in the token's units. `unit`: that of the deal. Each is above 0: leave out who gets nothing. */
export function portionsOf(
  rows: readonly { readonly payee: string; readonly amountMinor: bigint }[],
  unit: bigint,
): readonly Portion[] {
  return rows.map(({ payee, amountMinor }) => {
    if (amountMinor <= 0n) {
      throw new QuanjiError("MALFORMED", `a portion is above 0: leave out who gets nothing`, { field: payee });
    }
    return { payee, amount: amountMinor * unit };
  });
}

interface Typed {
  readonly types: Record<string, TypedDataField[]>;
  readonly value: Record<string, unknown>;
}

const typed = (what: Claim | Resolution): Typed => {
  const { deal, root: statementRoot, portions } = what;
  const common = { deal, statementRoot, total: totalOf(portions), portions };
  return "reason" in what
    ? { types: RESOLUTION, value: { ...common, reason: what.reason } }
    : { types: CLAIM, value: { ...common, period: periodBytes(what.period), revision: what.revision } };
};

const domainOf = ({ chain, address }: EscrowPlace) => ({
  name: "Quanji Escrow",
  version: "1",
  chainId: chain,
  verifyingContract: address,
});

/** The 32 bytes that a signer signs (EIP-712). */
export function claimDigest(place: EscrowPlace, what: Claim | Resolution): string {
  const { types, value } = typed(what);
  return TypedDataEncoder.hash(domainOf(place), types, value);
}

/** A signer's signature on a claim, or on an answer to a dispute: 65 bytes, 0x-prefixed hex. */
export function signClaim(signer: Signer, place: EscrowPlace, what: Claim | Resolution): Promise<string> {
  const { types, value } = typed(what);
  return signer.signTypedData(domainOf(place), types, value);
}

/** Who made a signature, lower case. Errors: SIGNATURE_INVALID. */
export function signerOf(digest: string, signature: string): string {
  try {
    return recoverAddress(digest, signature).toLowerCase();
  } catch (cause) {
    throw new QuanjiError("SIGNATURE_INVALID", "a signature is not of the form of one: let its signer sign again", {
      cause,
    });
  }
}

/** In the order that the contract wants, ascending by signer, and one of each. Errors: SIGNATURE_INVALID. */
export function orderSignatures(digest: string, signatures: readonly string[]): string[] {
  const bySigner = new Map(signatures.map((signature) => [signerOf(digest, signature), signature]));
  return [...bySigner].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, signature]) => signature);
}
