/** Command chains as the lines of a trail show them. Nothing is verified here. */
import type { IgnoredStopProof, TrailLine } from "@quanji/chaincode/domain";
import { linesOf, parseLine, SourceFault, type TrailSource } from "./lines.js";

export type ShownChain = IgnoredStopProof["chains"][number];

/** Command chains of one trail, by kind and id. */
export type ShownChains = ReadonlyMap<string, ShownChain>;

const KINDS: ReadonlySet<string> = new Set(["directory", "party", "resource", "grant"]);

/** Of chains, kept while a trail is read. */
export const MAX_SHOWN_BYTES = 64 * 1024 * 1024;

/** Gathers chains line by line. */
export class ChainGatherer {
  readonly #chains = new Map<string, ShownChain>();
  #open: Omit<ShownChain, "note" | "opening"> | undefined;
  #bytes = 0;

  /** Of a trail so large that nobody could carry the proof, nothing is kept. */
  add(line: TrailLine, length: number): void {
    if (line.t === "chain") {
      const { scope, kind, id } = line;
      this.#open = KINDS.has(kind) ? { scope, kind: kind as ShownChain["kind"], id, commands: [] } : undefined;
    } else if (line.t === "command" && this.#open !== undefined) {
      this.#bytes += length;
      if (this.#bytes > MAX_SHOWN_BYTES) this.#chains.clear();
      else this.#open.commands.push({ entry: line.entry, request: line.request });
    } else if (line.t === "chainEnd" && this.#open !== undefined && this.#bytes <= MAX_SHOWN_BYTES) {
      const { kind, id } = this.#open;
      this.#chains.set(chainName(kind, id), { ...this.#open, note: line.note, opening: line.opening });
      this.#open = undefined;
    }
  }

  get chains(): ShownChains {
    return this.#chains;
  }
}

/** Errors: those of a line's form; whatever the source throws. */
export async function readShownChains(source: TrailSource): Promise<ShownChains> {
  const gathered = new ChainGatherer();
  try {
    for await (const lines of linesOf(source)) {
      for (const bytes of lines) {
        const line = parseLine(bytes);
        if (line.t === "log") return gathered.chains;
        gathered.add(line, bytes.length);
      }
    }
  } catch (error) {
    throw error instanceof SourceFault ? error.cause : error;
  }
  return gathered.chains;
}

export const chainName = (kind: string, id: string): string => `${kind} ${id}`;
