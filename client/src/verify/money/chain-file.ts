/** Evidence that is command chains and nothing else, behind a first line of its own. */
import type { CommandChainKind, TrailLineOf } from "@quanji/chaincode/domain";
import { ChainReader, type CommandChain } from "../chains.js";
import { openCommand } from "../commands.js";
import type { SealedHead } from "../head.js";
import { LineDigest, linesOf, parseLine, SourceFault, type TrailSource } from "../lines.js";
import type { OpenedTrust } from "../trust.js";
import { refuse } from "../verdict.js";

export interface ChainFileForm {
  /** The first line. What it throws refuses the file. */
  readonly begin: (line: Uint8Array) => void;
  readonly allows: (kind: CommandChainKind) => boolean;
  /** Whether a line `end` closes the file. */
  readonly ends: boolean;
  /** Of the whole file: commands are kept until it is read. */
  readonly maxBytes: number;
}

/** Errors: LINE_ORDER, LIMIT_EXCEEDED, TRAIL_DUPLICATE, CHAIN_KEY, FILE_TRUNCATED, and those of chains. */
export async function readChains(
  source: TrailSource,
  trust: OpenedTrust,
  form: ChainFileForm,
): Promise<readonly CommandChain[]> {
  const reader = new ChainFileReader(trust, form);
  try {
    for await (const lines of linesOf(source)) for (const line of lines) await reader.read(line);
  } catch (error) {
    throw error instanceof SourceFault ? error.cause : error;
  }
  return reader.finish();
}

class ChainFileReader {
  readonly #trust: OpenedTrust;
  readonly #form: ChainFileForm;
  readonly #chains: CommandChain[] = [];
  readonly #names = new Set<string>();
  readonly #digest = new LineDigest();
  #open: ChainReader | undefined;
  #bytes = 0;
  #isBegun = false;
  #isEnded = false;

  constructor(trust: OpenedTrust, form: ChainFileForm) {
    this.#trust = trust;
    this.#form = form;
  }

  async read(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#form.maxBytes) refuse("LIMIT_EXCEEDED", "the file holds too many commands");
    if (this.#isEnded) refuse("LINE_ORDER", "something follows the end of the file");
    if (this.#isBegun) await this.#take(parseLine(bytes));
    else this.#form.begin(bytes);
    this.#isBegun = true;
    this.#digest.add(bytes);
  }

  async #take(line: ReturnType<typeof parseLine>): Promise<void> {
    if (line.t === "chain" && this.#open === undefined) this.#begin(line);
    else if (line.t === "command" && this.#open !== undefined) this.#open.add(openCommand(line.entry, line.request));
    else if (line.t === "chainEnd" && this.#open !== undefined) {
      this.#chains.push(await this.#open.close(line.note, line.opening as SealedHead, this.#trust));
      this.#open = undefined;
    } else if (line.t === "end" && this.#open === undefined && this.#form.ends) {
      if (line.count !== 0 || line.digest !== this.#digest.value())
        refuse("FILE_TRUNCATED", "the file is not what its last line says");
      this.#isEnded = true;
    } else refuse("LINE_ORDER", "the file holds chains, one after the other, and nothing else");
  }

  #begin({ scope, kind, id }: TrailLineOf<"chain">): void {
    const name = `${kind} ${id}`;
    if (!this.#form.allows(kind)) refuse("CHAIN_KEY", "the file holds a chain that does not belong in it");
    if (this.#names.has(name)) refuse("TRAIL_DUPLICATE", "a chain stands in the file twice");
    this.#names.add(name);
    this.#open = new ChainReader({ scope, kind, id }, this.#trust.trust.net);
  }

  finish(): readonly CommandChain[] {
    if (this.#open !== undefined) refuse("FILE_TRUNCATED", "a chain does not end");
    if (this.#form.ends && !this.#isEnded) refuse("FILE_TRUNCATED", "the file has no end");
    return this.#chains;
  }
}

/** All chains are complete up to then. */
export const completeTime = (chains: readonly CommandChain[]): string =>
  chains.reduce((low, chain) => (chain.time < low ? chain.time : low), chains[0]?.time ?? "");
