import { encodeError, isQuanjiError, QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import {
  broadcastRefusal,
  endorseFault,
  evaluateFault,
  type Failure,
  honestAmong,
  isTransport,
  type Said,
  STATUS,
} from "./faults.js";

const HOLDER = "HolderMSP";
const REGULATOR = "RegulatorMSP";
const BOTH = [HOLDER, REGULATOR];
const TX = "ab".repeat(32);

const refusal = (code: "HEAD_MOVED" | "NOT_FOUND" | "INTERNAL" | "NOT_RECORDED"): string =>
  `chaincode response 500, ${encodeError(new QuanjiError(code, "a sentence", { field: "f", record: 2 }))}`;
const said = (msp: string, message: string): Said => ({ name: `peer0.${msp}:7051`, msp, message });
const aborted = (...details: Said[]): Failure => ({
  code: STATUS.ABORTED,
  message: "10 ABORTED: failed to collect enough transaction endorsements, see attached details for more info",
  details,
});
const plain = (code: number, message = "words"): Failure => ({ code, message, details: [] });

const MISSING = "chaincode response 500, quanji-world:PRIVATE_DATA_MISSING";
const MISMATCH = "ProposalResponsePayloads do not match";
const CRASHED = "error in simulation: failed to execute transaction: chaincode stream terminated";

/** What, where, which fault, and the code of its cause. */
const ROWS: readonly (readonly [string, Failure, readonly string[] | undefined, string, string | undefined])[] = [
  [
    "both refuse",
    aborted(said(HOLDER, refusal("NOT_FOUND")), said(REGULATOR, refusal("NOT_FOUND"))),
    BOTH,
    "REFUSED",
    "NOT_FOUND",
  ],
  ["the one that was asked refuses", aborted(said(HOLDER, refusal("NOT_FOUND"))), [HOLDER], "REFUSED", "NOT_FOUND"],
  [
    "the first of those that the network chose refuses",
    aborted(said(REGULATOR, refusal("NOT_FOUND"))),
    undefined,
    "REFUSED",
    "NOT_FOUND",
  ],
  [
    "one refuses and the other endorses: it lags",
    aborted(said(REGULATOR, refusal("NOT_FOUND"))),
    BOTH,
    "MISMATCH",
    "NOT_FOUND",
  ],
  ["one's head is another", aborted(said(REGULATOR, refusal("HEAD_MOVED"))), BOTH, "REFUSED", "HEAD_MOVED"],
  ["one's clock is off", aborted(said(REGULATOR, refusal("NOT_RECORDED"))), BOTH, "REFUSED", "NOT_RECORDED"],
  ["one's chaincode fails", aborted(said(REGULATOR, refusal("INTERNAL"))), BOTH, "REFUSED", "INTERNAL"],
  [
    "the head explains the other refusal",
    aborted(said(HOLDER, refusal("NOT_FOUND")), said(REGULATOR, refusal("HEAD_MOVED"))),
    BOTH,
    "REFUSED",
    "HEAD_MOVED",
  ],
  [
    "both peers of one organisation refuse, the other's endorses",
    aborted(said(REGULATOR, refusal("NOT_FOUND")), said(REGULATOR, refusal("NOT_FOUND"))),
    BOTH,
    "MISMATCH",
    "NOT_FOUND",
  ],
  [
    "one refuses, the other cannot be reached",
    aborted(said(HOLDER, refusal("NOT_FOUND")), said(REGULATOR, "connection refused")),
    BOTH,
    "REFUSED",
    "NOT_FOUND",
  ],
  ["they answer differently", aborted(said(REGULATOR, MISMATCH)), BOTH, "MISMATCH", undefined],
  ["a peer misses private data", aborted(said(REGULATOR, MISSING)), BOTH, "UNAVAILABLE", undefined],
  ["a chaincode server died", aborted(said(HOLDER, CRASHED)), BOTH, "UNAVAILABLE", undefined],
  [
    "gossip has not met yet",
    plain(STATUS.FAILED_PRECONDITION, "no combination of peers can be derived"),
    undefined,
    "UNAVAILABLE",
    undefined,
  ],
  [
    "no peer of an organisation",
    plain(STATUS.UNAVAILABLE, "no peers available to evaluate"),
    BOTH,
    "UNAVAILABLE",
    undefined,
  ],
  ["the deadline", plain(STATUS.DEADLINE_EXCEEDED), BOTH, "UNAVAILABLE", undefined],
  ["cancelled", plain(STATUS.CANCELLED), BOTH, "UNAVAILABLE", undefined],
  ["too many at once", plain(STATUS.RESOURCE_EXHAUSTED, "too many requests"), BOTH, "UNAVAILABLE", undefined],
  ["a revoked certificate", plain(STATUS.PERMISSION_DENIED), BOTH, "UNAVAILABLE", undefined],
  ["no gateway service", plain(STATUS.UNIMPLEMENTED), BOTH, "UNAVAILABLE", undefined],
  ["a malformed request", plain(STATUS.INVALID_ARGUMENT), BOTH, "REFUSED", undefined],
];

describe("fabric: what a failed endorsement means", () => {
  for (const [what, failure, endorsers, fault, cause] of ROWS) {
    it(`${fault}${cause === undefined ? "" : ` · ${cause}`}: ${what}`, () => {
      const error = endorseFault(failure, { txId: TX, endorsers });
      expect([error.fault, error.txId]).to.deep.equal([fault, TX]);
      expect(isQuanjiError(error.cause) ? error.cause.code : undefined).to.equal(cause);
    });
  }

  it("keeps every part of the chaincode's error", () => {
    const { cause } = endorseFault(aborted(said(HOLDER, refusal("NOT_FOUND"))), { txId: TX, endorsers: [HOLDER] });
    expect(cause).to.include({ code: "NOT_FOUND", message: "a sentence", field: "f", record: 2 });
  });

  it("says which peer said what, where no chaincode did", () => {
    const { message } = endorseFault(aborted(said(HOLDER, CRASHED)), { txId: TX, endorsers: BOTH });
    expect(message).to.contain(`peer0.${HOLDER}:7051`).and.contain("stream terminated");
  });
});

describe("fabric: what a failed evaluation means", () => {
  for (const [failure, fault] of [
    [plain(STATUS.UNKNOWN, `2 UNKNOWN: evaluate call to endorser returned error: ${refusal("NOT_FOUND")}`), "REFUSED"],
    [plain(STATUS.UNKNOWN, `2 UNKNOWN: evaluate call to endorser returned error: ${MISSING}`), "UNAVAILABLE"],
    [plain(STATUS.DEADLINE_EXCEEDED), "UNAVAILABLE"],
    [aborted(said(HOLDER, MISMATCH)), "UNAVAILABLE"],
  ] as const) {
    it(`${fault}: ${failure.message}`, () => {
      expect(evaluateFault(failure, TX).fault).to.equal(fault);
    });
  }
});

describe("fabric: whether another peer might do better", () => {
  for (const [failure, expected] of [
    [plain(STATUS.UNAVAILABLE), true],
    [plain(STATUS.DEADLINE_EXCEEDED), true],
    [plain(STATUS.CANCELLED), true],
    [plain(STATUS.PERMISSION_DENIED), false],
    [plain(STATUS.FAILED_PRECONDITION), false],
    [aborted(said(HOLDER, refusal("NOT_FOUND"))), false],
  ] as const) {
    it(`${expected ? "yes" : "no"}: code ${failure.code}`, () => {
      expect(isTransport(failure)).to.equal(expected);
    });
  }
});

describe("fabric: what a failed handing over means", () => {
  const orderer = (status: string): Failure =>
    plain(STATUS.ABORTED, `10 ABORTED: received unsuccessful response from orderer: status=${status}, info=words`);
  const several = (...statuses: string[]): Failure => ({
    code: STATUS.UNAVAILABLE,
    message: `insufficient number of orderers: ${statuses.join("; ")}`,
    details: statuses.map((status) => said("OrdererMSP", `unsuccessful response from orderer: status=${status}`)),
  });
  for (const [failure, fault] of [
    [orderer("BAD_REQUEST"), "REFUSED"],
    [orderer("REQUEST_ENTITY_TOO_LARGE"), "REFUSED"],
    [orderer("FORBIDDEN"), "UNAVAILABLE"],
    [orderer("NOT_FOUND"), "UNAVAILABLE"],
    [orderer("INTERNAL_SERVER_ERROR"), undefined],
    [orderer("BAD_REQUEST, info=broadcast client identity expired"), "UNAVAILABLE"],
    [several("FORBIDDEN", "FORBIDDEN"), "UNAVAILABLE"],
    [several("REQUEST_ENTITY_TOO_LARGE", "REQUEST_ENTITY_TOO_LARGE"), "REFUSED"],
    [several("FORBIDDEN"), undefined],
    [several("FORBIDDEN", "SERVICE_UNAVAILABLE"), undefined],
    [several("BAD_REQUEST, info=identity expired", "BAD_REQUEST, info=identity expired"), undefined],
    [plain(STATUS.UNAVAILABLE, "no orderers could successfully process transaction"), undefined],
    [plain(STATUS.DEADLINE_EXCEEDED), undefined],
    [plain(STATUS.CANCELLED), undefined],
    [plain(STATUS.INTERNAL), undefined],
  ] as const) {
    it(`${fault ?? "nobody knows"}: ${failure.message}`, () => {
      expect(broadcastRefusal(failure, TX, honestAmong(4))?.fault).to.equal(fault);
    });
  }
});
