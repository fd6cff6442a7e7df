/** A gateway's signed refusal: it was asked this, and said no. */
import { Answer, parseWith, type RefusalProof, ANSWER_TYP } from "@quanji/chaincode/domain";
import { parseAnswerJws, parseCommandJws, verbOf } from "@quanji/chaincode/log";
import { verifyJws } from "../requester.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import type { Shown } from "./verdict.js";

const LIMITS = { maxBytes: 192 * 1024, maxDepth: 12 };

export async function checkRefusal(proof: RefusalProof, trust: OpenedTrust): Promise<Shown> {
  // 1. A gateway of the trust file signed the answer.
  const jws = parseAnswerJws(proof.answer, LIMITS);
  if (jws.header.typ !== ANSWER_TYP) refuse("TYP_MISMATCH", `typ must be ${ANSWER_TYP}`);
  const gateway = trust.gateways.find(({ kid }) => kid === jws.header.kid);
  if (gateway === undefined) {
    return refuse("GATEWAY_UNKNOWN", "the answer is signed by a gateway that the trust file lacks");
  }
  await verifyJws({ ...jws, signed: jws.signingInput }, gateway.jwk);

  // 2. It answers this command. Who signed the command is for its sender to show; its hash is what the gateway answered.
  const command = parseCommandJws(proof.command, LIMITS);
  const { request, status, body } = parseWith(Answer, jws.payload);
  if (request !== command.request)
    refuse("REQUEST_MISMATCH", "the answer is to another command than the one beside it");

  // 3. It says no.
  const code = codeOf(body);
  if (status < 400 || code === undefined) return refuse("FORK_UNPROVEN", "the answer is no refusal");
  const verb = verbOf(command.header.typ);
  return {
    shows: "refusal",
    accused: [{ name: gateway.name, role: "gateway" }],
    refused: { request, verb, status, code },
  };
}

function codeOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("code" in body)) return undefined;
  return typeof body.code === "string" ? body.code : undefined;
}
