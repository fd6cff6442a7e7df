/** Records that a gateway and the regulator make together, all signatures good. Holds no test itself. */
import { instant } from "@quanji/chaincode/domain";
import { collude, type Forged, PARTIES } from "./support.test.js";
import { grant, lines, type Row } from "./tampering.support.test.js";

type Change = readonly [name: string, refusal: string, change: (record: Forged, i: number) => unknown];

const set = (i: number, path: "face" | "body", change: object) => (record: Forged, n: number) => {
  if (n === i) Object.assign(record[path], change);
};

const permit = (record: Forged): void => {
  record.face["decision"] = "permit";
  Object.assign(record.body, {
    rule: "permit",
    deliverBefore: instant(Date.parse(String(record.body["time"])) + 30_000),
  });
};

// Records: 0 permit, 1 delivery, 2 denial, 3 permit, 4 permit, 5 denied by a stop not folded in, 6 denied.
const CHANGES: readonly Change[] = [
  [
    "42a a record without its link of the grant",
    "TRAIL_INCOMPLETE · LINK_MISSING",
    (record, n) => {
      if (n === 3) delete record.body["grant"];
    },
  ],
  [
    "44 a time that decreases",
    "PROOF_INVALID · TIME_ORDER",
    (record, n) => {
      if (n !== 3) return;
      const time = instant(Date.parse(String(record.body["time"])) - 10_000);
      Object.assign(record.body, { time, deliverBefore: instant(Date.parse(time) + 30_000) });
    },
  ],
  [
    "44 a time far from the request's",
    "PROOF_INVALID · TIME_BRACKET",
    (record, n) => {
      if (n !== 6) return;
      record.body["time"] = instant(Date.parse(String(record.body["time"])) + 130_000);
      record.face["hour"] = `${String(record.body["time"]).slice(0, 13)}Z`;
    },
  ],
  ["33 indexes that do not rise", "TRAIL_INCOMPLETE · TRAIL_ORDER", set(3, "face", { index: 2 })],
  ["a delivery without a permit", "TRAIL_INCOMPLETE · DELIVERY_UNMATCHED", (_record, n) => n !== 0 && undefined],
  ["a delivery of another access", "PROOF_INVALID · REQUEST_CONTENT", set(1, "body", { request: "A".repeat(43) })],
  [
    "49 a basis beyond the chain",
    "PROOF_INVALID · BASIS_UNKNOWN",
    (record, n) => {
      if (n === 6) record.body.basis["grant"] = 9;
    },
  ],
  [
    "49 no basis for the resource",
    "PROOF_INVALID · BASIS_UNKNOWN",
    (record, n) => {
      if (n === 0) record.body.basis["resource"] = 0;
    },
  ],
  [
    "49 a basis for ancestors that there are none",
    "PROOF_INVALID · BASIS_UNKNOWN",
    (record, n) => {
      if (n === 0) record.body.basis["ancestors"] = [1];
    },
  ],
  [
    "a basis that goes back",
    "PROOF_INVALID · BASIS_STALE",
    (record, n) => {
      if (n === 6) record.body.basis["grant"] = 3;
    },
  ],
  [
    "a basis before the command that made it",
    "PROOF_INVALID · TIME_BRACKET",
    (record, n) => {
      if (n === 0) record.body.basis["grant"] = 4;
    },
  ],
  [
    "48 a permit after a stop",
    "PROOF_INVALID · PERMIT_AFTER_STOP",
    (record, n) => {
      if (n === 6) permit(record);
    },
  ],
  [
    "48 a permit after a stop that was not folded in yet",
    "PROOF_INVALID · PERMIT_AFTER_STOP",
    (record, n) => {
      if (n !== 5) return;
      delete record.body["stop"];
      permit(record);
      const time = Date.parse(String(record.body["time"]));
      record.body["deliverBefore"] = instant(time + 30_000);
      return undefined;
    },
  ],
  [
    "50 a denial where the rules permit",
    "PROOF_INVALID · DECISION_MISMATCH",
    (record, n) => {
      if (n !== 0) return;
      delete record.body["deliverBefore"];
      Object.assign(record.body, { rule: "GRANT_EXPIRED", obligations: [] });
      record.face["decision"] = "deny";
    },
  ],
  [
    "50 another rule than the one that denies",
    "PROOF_INVALID · DECISION_MISMATCH",
    set(2, "body", { rule: "ACTION_OUTSIDE_GRANT" }),
  ],
  [
    "50 a permit where the rules deny",
    "PROOF_INVALID · DECISION_MISMATCH",
    (record, n) => {
      if (n === 2) permit(record);
    },
  ],
  ["50 uses that were not counted", "PROOF_INVALID · DECISION_MISMATCH", set(4, "body", { used: 1 })],
  [
    "50 obligations that the grant does not ask for",
    "PROOF_INVALID · DECISION_MISMATCH",
    set(0, "body", { obligations: ["drop:rain"] }),
  ],
  ["50 another class than the resource's", "PROOF_INVALID · DECISION_MISMATCH", set(0, "face", { class: "other" })],
  [
    "50 another version of the grant",
    "PROOF_INVALID · DECISION_MISMATCH",
    (record, n) => {
      if (n === 0) record.body["grant"] = `${grant}@2`;
    },
  ],
  [
    "a stop in a record that no stop decided",
    "PROOF_INVALID · RECORD_CONTRADICTS",
    set(2, "body", { stop: "A".repeat(43) }),
  ],
  ["59 another request's hash", "PROOF_INVALID · REQUEST_MISMATCH", set(0, "body", { request: "A".repeat(43) })],
  [
    "61 another purpose than was asked",
    "PROOF_INVALID · REQUEST_CONTENT",
    set(0, "face", { purpose: "credit.review" }),
  ],
  ["61 another action than was asked", "PROOF_INVALID · REQUEST_CONTENT", set(0, "body", { action: "derive" })],
  ["61 another quantity than was asked", "PROOF_INVALID · REQUEST_CONTENT", set(0, "body", { quantity: 2 })],
  [
    "61 another resource than was asked",
    "PROOF_INVALID · REQUEST_CONTENT",
    set(0, "body", { resource: "res/other@1" }),
  ],
  [
    "57 another key of the requester",
    "PROOF_INVALID · KEY_PARTY",
    set(0, "body", { requester: `${PARTIES.insurer.id}#${"A".repeat(43)}` }),
  ],
  [
    "57 another requester",
    "PROOF_INVALID · REQUEST_CONTENT",
    (record, n) => {
      if (n !== 0) return;
      record.body["requester"] = `${PARTIES.operator.id}#${PARTIES.operator.key.print}`;
      record.face["unit"] = PARTIES.operator.id;
      record.body.basis["party"] = 2;
    },
  ],
  [
    "53 a signature of nobody",
    "PROOF_INVALID · SIGNATURE_INVALID",
    (record, n) => {
      if (n === 0) record.q = { ...record.q!, signature: "A".repeat(86) };
    },
  ],
];

export const BY_COLLUSION: readonly Row[] = CHANGES.map(([name, refusal, change]) => [
  name,
  refusal,
  () => collude(lines, async (record, i) => (await change(record, i)) !== false),
]);
