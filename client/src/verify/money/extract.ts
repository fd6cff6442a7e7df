/**
 * Evidence for strangers: of a contract's trail only the public chains, so that a certificate can be shown without contract, prices
 * and records. First line `{"net":…,"t":"extract","v":"quanji.extract.v1"}`, then those chains verbatim.
 */
import type { TrailLineOf } from "@quanji/chaincode/domain";
import { canonical, parseCanonical } from "@quanji/chaincode/log";
import { ChainReader, type CommandChain } from "../chains.js";
import { openCommand } from "../commands.js";
import type { SealedHead } from "../head.js";
import { linesOf, parseLine, SourceFault, type TrailSource } from "../lines.js";
import { replay, type Replayed } from "../replay.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";

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
  const chains: CommandChain[] = [];
  const names = new Set<string>();
  let open: ChainReader | undefined;
  let [number, bytesRead] = [0, 0];
  try {
    for await (const lines of linesOf(source)) {
      for (const bytes of lines) {
        bytesRead += bytes.length;
        if (bytesRead > MAX_BYTES) refuse("LIMIT_EXCEEDED", "the file holds too many commands");
        if (number++ === 0) {
          assertHeader(bytes, trust);
          continue;
        }
        const line = parseLine(bytes);
        if (line.t === "chain" && open === undefined) open = begun(line, names, trust);
        else if (line.t === "command" && open !== undefined) open.add(openCommand(line.entry, line.request));
        else if (line.t === "chainEnd" && open !== undefined) {
          chains.push(await open.close(line.note, line.opening as SealedHead, trust));
          open = undefined;
        } else refuse("LINE_ORDER", "an extract holds chains, one after the other, and nothing else");
      }
    }
  } catch (error) {
    throw error instanceof SourceFault ? error.cause : error;
  }
  if (open !== undefined) refuse("FILE_TRUNCATED", "a chain does not end");
  const world = await replay(chains, trust);
  const time = chains.reduce((low, chain) => (chain.time < low ? chain.time : low), chains[0]?.time ?? "");
  return { world, time };
}

function assertHeader(bytes: Uint8Array, trust: OpenedTrust): void {
  const { t, v, net, ...rest } = parseCanonical(bytes);
  if (t !== "extract" || Object.keys(rest).length > 0)
    refuse("TYPE_UNKNOWN", "the evidence is no trail and no extract of one");
  if (v !== VERSION) refuse("VERSION_UNKNOWN", `the extract's version is not ${VERSION}`);
  if (net !== trust.trust.net) refuse("NETWORK_MISMATCH", "the extract is another network's");
}

function begun({ scope, kind, id }: TrailLineOf<"chain">, names: Set<string>, trust: OpenedTrust): ChainReader {
  const name = `${kind} ${id}`;
  if (!PUBLIC.has(kind)) refuse("CHAIN_KEY", "an extract holds public chains only");
  if (names.has(name)) refuse("TRAIL_DUPLICATE", "a chain stands in the file twice");
  names.add(name);
  return new ChainReader({ scope, kind, id }, trust.trust.net);
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
