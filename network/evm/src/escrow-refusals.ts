/** What the escrow contract refuses with, as errors that say what to do. */
import { type Code, QuanjiError } from "@quanji/chaincode/domain";
import { type ErrorDescription, type Interface, isError, isHexString } from "ethers";

const time = (seconds: unknown): string => {
  const ms = Number(seconds) * 1000;
  return ms <= 8.64e15 ? new Date(ms).toISOString() : `second ${String(seconds)}`;
};

type Row = readonly [Code, (...args: string[]) => string];

/** By the name of the contract's error; `args` are its own. */
const REFUSALS: Readonly<Record<string, Row>> = {
  Reentered: ["STATE_CONFLICT", () => "the token called the escrow back while it was asked to move"],
  NotPayer: ["ROLE_REQUIRED", (payer) => `only the deal's payer may do this: use the key of ${payer}`],
  AmountMissing: ["MALFORMED", () => "an amount, the limit or the unit is 0: say how much"],
  ThresholdInvalid: ["MALFORMED", (m, n) => `${m} of ${n} signers: name 1 to 16, and from 1 to all of them must sign`],
  SignersUnordered: ["MALFORMED", (at) => `signer ${at} is zero, repeated, or not in ascending order of address`],
  TimeInvalid: ["MALFORMED", (seconds) => `a time does not fit: ${seconds} (seconds; ahead, and ten years at most)`],
  DealKnown: ["STATE_CONFLICT", () => "a deal of these very terms exists: change one of them, as its expiry"],
  DealUnknown: [
    "NOT_FOUND",
    () => "no deal of this name was opened in this contract: look at chain, contract and terms",
  ],
  DealCancelled: ["STATE_CONFLICT", () => "the deal is cancelled"],
  Expired: ["STATE_CONFLICT", (at) => `the deal expired at ${time(at)}: nothing is locked or claimed any more`],
  NotExpired: ["STATE_CONFLICT", (at) => `the deal runs until ${time(at)}: cancel it then`],
  OverLimit: ["STATE_CONFLICT", (left, amount) => `${amount} is above what may still be locked, ${left}`],
  OverFree: [
    "STATE_CONFLICT",
    (free, total) => `the claim is for ${total} and ${free} are free: let the payer lock more`,
  ],
  StatementKnown: ["STATE_CONFLICT", () => "this statement was claimed before"],
  RevisionKnown: [
    "STATE_CONFLICT",
    (_period, next) => `the period was claimed before: an adjustment has revision ${next} or higher`,
  ],
  StateInvalid: [
    "STATE_CONFLICT",
    (state) => `the claim is ${STATES[Number(state)] ?? "in another state"}: this cannot be done with it`,
  ],
  WindowOver: ["STATE_CONFLICT", (end) => `too late: the time for it ended at ${time(end)}`],
  WindowOpen: ["STATE_CONFLICT", (end) => `too early: wait until ${time(end)}`],
  ReasonMissing: ["MALFORMED", () => "a dispute has a reason: the hash of what the payer says on the ledger"],
  PortionsUnknown: ["EVIDENCE_MISSING", () => "these are not the portions that were claimed"],
  OverClaim: ["TOTAL_MISMATCH", (claimed, total) => `the answer gives ${total} and the claim was for ${claimed}`],
  PayeeInvalid: ["MALFORMED", () => "nothing is paid to the zero address or to the escrow itself"],
  OverBalance: ["STATE_CONFLICT", (balance, amount) => `${amount} is above the balance, ${balance}`],
  SignaturesMissing: [
    "SIGNATURE_INVALID",
    (given, needed) => `${given} of ${needed} signatures are there: let more signers sign`,
  ],
  SignatureInvalid: ["SIGNATURE_INVALID", (at) => `signature ${at} is none, or in the form that is not taken (high s)`],
  SignerOrder: [
    "SIGNATURE_INVALID",
    (at, signer) => `signature ${at}, of ${signer}, is repeated or not in ascending order of signers`,
  ],
  NotSigner: [
    "SIGNATURE_INVALID",
    (_at, signer) =>
      `${signer} is no signer of this deal, or what was signed is not this: other terms, chain or contract`,
  ],
  PortionInvalid: ["MALFORMED", (at) => `portion ${at} is to nobody, 0, or not a whole number of the deal's unit`],
  PortionCount: ["MALFORMED", (count) => `${count} portions: a claim has 1 to 64`],
  TokenMissing: ["NOT_FOUND", (token) => `no contract stands at ${token}: look at the token's address and the chain`],
  TokenFailed: [
    "STATE_CONFLICT",
    (token) => `the token ${token} refused to move: look at balance, allowance and its own rules`,
  ],
  NothingArrived: ["STATE_CONFLICT", (token) => `nothing of the token ${token} arrived`],
  TokenTookMore: [
    "STATE_CONFLICT",
    (token) => `the token ${token} takes more than it is asked to move: it cannot be paid out`,
  ],
};

/** Names of the states of a claim, in the contract's order. */
export const STATES = ["none", "pending", "disputed", "settled", "resolved", "lapsed"] as const;
export type ClaimState = (typeof STATES)[number];

export const REFUSAL_NAMES: readonly string[] = Object.keys(REFUSALS);

/** The contract's own error in what an endpoint answered, if there is one: endpoints put it in several places. */
export function revertOf(error: unknown, known: Interface): ErrorDescription | undefined {
  const seen = new Set<unknown>();
  const find = (value: unknown): ErrorDescription | undefined => {
    if (typeof value === "string" && isHexString(value) && value.length >= 10) {
      return known.parseError(value) ?? undefined;
    }
    if (typeof value !== "object" || value === null || seen.has(value)) return undefined;
    seen.add(value);
    for (const key of ["data", "info", "error", "revert"]) {
      const found = find((value as Readonly<Record<string, unknown>>)[key]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return find(error);
}

/** What to throw in place of `error`. Errors of the endpoint, and of funds for gas, stay what they are. */
export function refusalOf(error: unknown, known: Interface): unknown {
  const revert = revertOf(error, known);
  const row = revert === undefined ? undefined : REFUSALS[revert.name];
  if (revert !== undefined && row !== undefined) {
    const [code, say] = row;
    const args = revert.args.map(String);
    return new QuanjiError(code, say(...args), { detail: `${revert.name}(${args.join(", ")})`, cause: error });
  }
  if (isError(error, "BAD_DATA")) {
    return new QuanjiError("NOT_FOUND", "no escrow contract answers at this address: look at address and chain", {
      cause: error,
    });
  }
  return error;
}
