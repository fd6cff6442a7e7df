/**
 * Evidence for strangers: of a contract's trail only the public chains, so that a certificate can be shown without contract, prices
 * and records. First line `{"net":…,"t":"extract","v":"quanji.extract.v1"}`, then those chains verbatim.
 */
import { canonical, parseCanonical } from "@quanji/chaincode/log";
import { linesOf, parseLine, type TrailSource } from "../lines.js";
import { replay, type Replayed } from "../replay.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";
import { completeTime, readChains } from "./chain-file.js";

const VERSION = "quanji.extract.v1";

export interface Extract {
  readonly world: Replayed;
  /** All chains are complete up to then. */
  readonly time: string;
}

/** Kinds of chains that anybody may see. */
const PUBLIC: ReadonlySet<string> = new Set(["directory", "party", "resource", "attestation"]);
const MAX_BYTES = 64 * 1024 * 1024;

/** Errors: those of chains and of {@link replay}; LINE_ORDER, VERSION_UNKNOWN, NETWORK_MISMATCH. */
export async function openExtract(source: TrailSource, trust: OpenedTrust): Promise<Extract> {
  const chains = await readChains(source, trust, {
    begin: (line) => assertHeader(line, trust),
    allows: (kind) => PUBLIC.has(kind),
    ends: false,
    maxBytes: MAX_BYTES,
  });
  return { world: await replay(chains, trust), time: completeTime(chains) };
}

function assertHeader(bytes: Uint8Array, trust: OpenedTrust): void {
  const { t, v, net, ...rest } = parseCanonical(bytes);
  if (t !== "extract" || Object.keys(rest).length > 0)
    refuse("TYPE_UNKNOWN", "the evidence is no trail and no extract of one");
  if (v !== VERSION) refuse("VERSION_UNKNOWN", `the extract's version is not ${VERSION}`);
  if (net !== trust.trust.net) refuse("NETWORK_MISMATCH", "the extract is another network's");
}

/** Of a trail's lines those of public chains, behind the extract's own header. Errors: those of lines' forms. */
export async function* extractOf(trail: TrailSource, net: string): AsyncGenerator<string> {
  yield `${canonical({ net, t: "extract", v: VERSION })}\n`;
  let isTaken = false;
  for await (const lines of linesOf(trail)) {
    for (const bytes of lines) {
      const line = parseLine(bytes);
      if (line.t === "log") return;
      if (line.t === "chain") isTaken = PUBLIC.has(line.kind);
      const isChain = line.t === "chain" || line.t === "command" || line.t === "chainEnd";
      if (isChain && isTaken) yield `${new TextDecoder().decode(bytes)}\n`;
    }
  }
}
