/** What this witness says of its own peer's blocks: one thing of each for ever, remembered before it is said. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { type BlockNote, formatBlockNote, formatNote, parseHash, signNote } from "@quanji/chaincode/log";
import type { Told, WitnessMemory } from "../cosigner/memory.js";
import type { NoteSigner } from "../log-signer.js";
import type { BlockPeer } from "./peer.js";

export interface TellerOptions {
  /** Type 01, and a key of its own: what it signs is no checkpoint and no head. */
  readonly signer: NoteSigner;
  readonly memory: Pick<WitnessMemory, "told" | "tell">;
  readonly peer: BlockPeer;
}

export class Teller {
  readonly #options: TellerOptions;
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** What the peer has; undefined for a block that was not read. */
  async see(block: number): Promise<BlockNote | undefined> {
    const { peer } = this.#options;
    const [ledger, hash, commit] = [await peer.hashOf(0), await peer.hashOf(block), await peer.commitOf(block)];
    if (ledger === undefined || hash === undefined) return undefined;
    return {
      ledger: parseHash(ledger),
      block: { number: block, hash: parseHash(hash) },
      commit: commit === undefined ? "none" : parseHash(commit),
    };
  }

  /**
   * The signed note of a block that was read. Undefined while the peer reads its blocks again and has not come as far as this
   * witness has spoken of. Errors: PROOF_INVALID · FORK if the peer has another ledger than that.
   */
  async tell(block: number): Promise<string | undefined> {
    const seen = await this.see(block);
    if (seen === undefined || !(await this.#inLine(() => this.#remember(seen)))) return undefined;
    const { signer } = this.#options;
    const text = formatBlockNote(seen);
    return formatNote({ text, signatures: [await signNote(text, signer.key, signer.sign)] });
  }

  /** A block names all before it, so the newest is enough. Answers whether the note may be signed. */
  async #remember(seen: BlockNote): Promise<boolean> {
    const { memory } = this.#options;
    const told = await memory.told();
    if (told !== undefined) {
      const known = await this.see(told.block);
      if (known === undefined) return false;
      if (!isSame(toldOf(known), told)) {
        throw new QuanjiError(
          "PROOF_INVALID",
          `the peer has another block ${told.block} than this witness has told of`,
          {
            detail: "FORK",
          },
        );
      }
      if (told.block >= seen.block.number) return true;
    }
    await memory.tell(toldOf(seen));
    return true;
  }

  #inLine<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#line.then(act, act);
    this.#line = turn.catch(() => undefined);
    return turn;
  }
}

const text = (hash: Uint8Array): string => Buffer.from(hash).toString("base64url");

const toldOf = ({ block, commit }: BlockNote): Told => ({
  block: block.number,
  hash: text(block.hash),
  commit: commit === "none" ? commit : text(commit),
});

const isSame = (one: Told, other: Told): boolean =>
  one.block === other.block && one.hash === other.hash && one.commit === other.commit;
