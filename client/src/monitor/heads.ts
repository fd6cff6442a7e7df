/**
 * Checkpoints that were seen elsewhere than where a log is followed: in receipts and trails. They must be of the same history
 * as the copy, or somebody shows one log to readers and another to verifiers.
 */
import { equalBytes, formatNote, parseTlogProof, toBase64 } from "@quanji/chaincode/log";
import { forkBetween, openSeen, type OpenedTrust, type TileSource, TileTree } from "../verify/index.js";

/** The signed checkpoint of a proof file. */
export const headOf = (proof: string): string => formatNote(parseTlogProof(proof).note);

export interface Compared {
  /** Text of a fork proof. */
  readonly fork?: string;
  /** Those that are of a larger log than the copy: to be compared when it has grown. */
  readonly left: readonly string[];
}

export class Heads {
  /** Those that were found in the copy, `<origin> <size> <root>`: a gateway shows the same one often. */
  readonly #good = new Set<string>();

  /** Errors: those of a checkpoint that the trust file's keys do not vouch for; of a copy that is damaged. */
  async compare(notes: readonly string[], copy: TileSource, origin: string, trust: OpenedTrust): Promise<Compared> {
    const bytes = await copy("checkpoint");
    if (bytes === undefined || notes.length === 0) return { left: notes };
    const held = await openSeen(new TextDecoder().decode(bytes), origin, trust);
    let tree: TileTree | undefined;
    const left: string[] = [];
    for (const text of notes) {
      const seen = await openSeen(text, origin, trust);
      const { size, root } = seen.checkpoint;
      const name = `${origin} ${size} ${toBase64(root)}`;
      if (this.#good.has(name)) continue;
      if (size > held.checkpoint.size) {
        left.push(text);
        continue;
      }
      tree ??= await TileTree.open(held.checkpoint, [copy]);
      if (!equalBytes(await tree.rootAt(size), root)) {
        const fork = await forkBetween(seen, { ...held, tree });
        if (fork !== undefined) return { fork, left };
      }
      if (this.#good.size >= MAX_GOOD) this.#good.clear();
      this.#good.add(name);
    }
    return { left };
  }
}

/** A cache: what is forgotten is compared again. */
const MAX_GOOD = 10_000;
