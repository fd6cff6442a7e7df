/** Portable proofs: what somebody who signed can no longer take back. Checked by anybody who holds the trust file. */
import { Evidence, parseWith, PROOF_LIMITS } from "@quanji/chaincode/domain";
import { type JsonObject, parseCanonical } from "@quanji/chaincode/log";
import { type OpenedTrust, withoutFinalNewline } from "../trust.js";
import { refusalOf, refuse } from "../verdict.js";
import { checkBlockFork } from "./block-fork.js";
import { checkChainFork } from "./chain-fork.js";
import { checkFork } from "./fork.js";
import { checkHeadLie } from "./head-lie.js";
import { checkIgnoredStop } from "./ignored-stop.js";
import { checkRefusal } from "./refusal.js";
import type { EvidenceVerdict, Shown } from "./verdict.js";

export { contradictions, type HeldRecord } from "./compare.js";
export { heldInReceipt, heldInTrail } from "./held.js";
export { ignoredStops } from "./stops.js";
export type { Accused, EvidenceVerdict, Shown } from "./verdict.js";

/**
 * Verifies a portable proof. `ok: true` means: those accused have signed what the file shows. Never throws for bad evidence.
 */
export async function verifyEvidence(file: string | Uint8Array, trust: OpenedTrust): Promise<EvidenceVerdict> {
  const common = { kind: "evidence" as const, trustDigest: trust.digest };
  try {
    return { ok: true, ...common, ...(await check(parse(file), trust)) };
  } catch (error) {
    return { ok: false, ...common, accused: [], ...refusalOf(error) };
  }
}

const KINDS: ReadonlySet<unknown> = new Set(Evidence.options.map(({ shape }) => shape.kind.value));

function parse(file: string | Uint8Array): Evidence {
  const json: JsonObject = parseCanonical(withoutFinalNewline(file), PROOF_LIMITS);
  if (json["v"] !== "quanji.evidence.v1") refuse("VERSION_UNKNOWN", "the file's version is not quanji.evidence.v1");
  if (!KINDS.has(json["kind"]))
    refuse("TYPE_UNKNOWN", "the file is evidence of a kind that this verifier does not know");
  return parseWith(Evidence, json);
}

function check(evidence: Evidence, trust: OpenedTrust): Promise<Shown> {
  switch (evidence.kind) {
    case "fork":
      return checkFork(evidence, trust);
    case "chain-fork":
      return checkChainFork(evidence, trust);
    case "head-lie":
      return checkHeadLie(evidence, trust);
    case "block-fork":
      return checkBlockFork(evidence, trust);
    case "refusal":
      return checkRefusal(evidence, trust);
    case "ignored-stop":
      return checkIgnoredStop(evidence, trust);
  }
}
