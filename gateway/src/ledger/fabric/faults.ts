/**
 * What a failed call means for the transaction. Before an envelope is handed to orderers nothing can have been ordered; from
 * then on only the blocks tell (see submitting.ts). Pure, so that the table is tested row by row.
 * @see https://grpc.github.io/grpc/core/md_doc_statuscodes.html · fabric internal/pkg/gateway
 */
import { decodeError, type QuanjiError } from "@quanji/chaincode/domain";
import { LedgerError } from "../ledger.js";

/** gRPC status codes that are told apart. */
export const STATUS = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** What one peer or orderer said. */
export interface Said {
  readonly name: string;
  readonly msp: string;
  readonly message: string;
}

export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Said[];
}

export interface Asked {
  readonly txId: string;
  /** Undefined: the network chose. */
  readonly endorsers: readonly string[] | undefined;
}

const MISMATCH = "ProposalResponsePayloads do not match";
/** Text of the chaincode's PrivateDataMissing. */
const PRIVATE_DATA_MISSING = "quanji-world:PRIVATE_DATA_MISSING";

const say = (details: readonly Said[], message: string): string =>
  details.length === 0 ? message : details.map((one) => `${one.name} (${one.msp}): ${one.message}`).join("; ");

/**
 * |                                                   | fault       | why                                                     |
 * |---------------------------------------------------|-------------|---------------------------------------------------------|
 * | answers differ                                    | MISMATCH    | most often one peer lags by a block                     |
 * | a peer misses a private value                     | UNAVAILABLE | it gets the value from other members within seconds     |
 * | every organisation asked refused                  | REFUSED     | the chaincode's own error                               |
 * | some refused, others endorsed                     | MISMATCH    | as above; a refusal by clock or head is REFUSED by name |
 * | nobody refused: unreachable, crashed, slow, full  | UNAVAILABLE | nothing was ordered                                     |
 * | the request itself is malformed                   | REFUSED     | sending it again would not help                         |
 */
export function endorseFault(failure: Failure, { txId, endorsers }: Asked): LedgerError {
  const { code, message, details } = failure;
  const texts = details.length === 0 ? [message] : details.map((one) => one.message);
  const fault = (kind: LedgerError["fault"], what: string, cause?: unknown): LedgerError =>
    new LedgerError(kind, what, { txId, ...(cause !== undefined && { cause }) });

  if (texts.some((text) => text.includes(MISMATCH))) {
    return fault("MISMATCH", `the peers answered differently: ${say(details, message)}`);
  }
  if (texts.some((text) => text.includes(PRIVATE_DATA_MISSING))) {
    return fault("UNAVAILABLE", "a peer still waits for private data of other members: try again in some seconds");
  }
  const refusal = refusalIn(texts);
  if (refusal !== undefined) {
    const silent = (endorsers ?? []).filter((msp) => !details.some((one) => one.msp === msp));
    const isDisputed = details.length > 0 && silent.length > 0 && !BY_ENDORSER.has(refusal.code);
    return isDisputed
      ? fault("MISMATCH", `some peers refused and others did not: ${refusal.message}`, refusal)
      : fault("REFUSED", `the contract refused: ${refusal.message}`, refusal);
  }
  if (code === STATUS.INVALID_ARGUMENT) return fault("REFUSED", `the network refused the request: ${message}`);
  if (code === STATUS.PERMISSION_DENIED || code === STATUS.UNAUTHENTICATED) {
    return fault("UNAVAILABLE", `the network does not accept this gateway's certificate: ${message}`);
  }
  return fault("UNAVAILABLE", `the endorsements could not be had: ${say(details, message)}`);
}

/** Refusals by an endorser's own clock, height or fault: true though another endorser agrees. */
const BY_ENDORSER: ReadonlySet<string> = new Set(["HEAD_MOVED", "NOT_RECORDED", "INTERNAL"]);

/** The first of the chaincode's errors; one by a single endorser's own state comes first, since it explains the others. */
function refusalIn(texts: readonly string[]): QuanjiError | undefined {
  const refusals = texts.map(decodeError).filter((error) => error !== undefined);
  return refusals.find(({ code }) => BY_ENDORSER.has(code)) ?? refusals[0];
}

export function evaluateFault({ code, message, details }: Failure, txId: string): LedgerError {
  const { fault, message: what, cause } = endorseFault({ code, message, details }, { txId, endorsers: undefined });
  return new LedgerError(fault === "MISMATCH" ? "UNAVAILABLE" : fault, what, { txId, cause });
}

/** Whether another peer might do better, or the same one after a reconnection. */
export const isTransport = ({ code, details }: Failure): boolean =>
  TRANSPORT.has(code) && details.every((one) => decodeError(one.message) === undefined);

const TRANSPORT: ReadonlySet<number> = new Set([
  STATUS.CANCELLED,
  STATUS.DEADLINE_EXCEEDED,
  STATUS.RESOURCE_EXHAUSTED,
  STATUS.INTERNAL,
  STATUS.UNAVAILABLE,
]);

/**
 * Why orderers refused an envelope for good, e.g. it is too large, or the client's certificate is revoked; undefined if
 * nobody can know whether one of them took it. Raft's are asked one after the other until one has an opinion; SmartBFT's all
 * at once, and one of them may lie.
 * @param honest so many orderers that one of them at least is honest. An honest one that refuses by the channel's configuration
 * knows all blocks up to that configuration: the envelope is in none of those, and later none of the others will let it in.
 * What it refuses by its own clock, others may let in.
 * @see fabric orderer/common/broadcast · internal/pkg/gateway/submit.go
 */
export function broadcastRefusal(
  { code, message, details }: Failure,
  txId: string,
  honest: number,
): LedgerError | undefined {
  if (code === STATUS.ABORTED) return EXPIRED.test(message) ? notAccepted(message, txId) : refusalOf(message, txId);
  // UNAVAILABLE and the like: an orderer may have died with the envelope in hand, unless enough of them say why not.
  const refusals = details.map((one) => (EXPIRED.test(one.message) ? undefined : refusalOf(one.message, txId)));
  return refusals.length >= honest && refusals.every((one) => one !== undefined) ? refusals[0] : undefined;
}

const EXPIRED = /identity expired/;

const notAccepted = (message: string, txId: string): LedgerError =>
  new LedgerError("UNAVAILABLE", `the orderers do not accept this gateway: ${message}`, { txId });

function refusalOf(message: string, txId: string): LedgerError | undefined {
  switch (/status=([A-Z_]+)/.exec(message)?.[1]) {
    case "BAD_REQUEST":
    case "REQUEST_ENTITY_TOO_LARGE":
      return new LedgerError("REFUSED", `the orderers refused the transaction: ${message}`, { txId });
    case "FORBIDDEN":
    case "NOT_FOUND":
      return notAccepted(message, txId);
    default:
      return undefined;
  }
}

/** So many of `orderers` that one of them is honest, if no more lie than SmartBFT bears. */
export const honestAmong = (orderers: number): number => Math.floor((orderers - 1) / 3) + 1;
