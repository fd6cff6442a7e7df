/** Signs the checkpoints of one log with the log's own key: one signature a batch, not one a record. */
import { QuanjiError } from "@quanji/chaincode/domain";
import {
  equalBytes,
  formatCheckpoint,
  formatNote,
  type Hash,
  type NoteKey,
  type SignBytes,
  signNote,
  type TreeHead,
} from "@quanji/chaincode/log";
import { Lru } from "../readmodel/lru.js";

/** A note key with its private half behind it. */
export interface NoteSigner {
  readonly key: NoteKey;
  readonly sign: SignBytes;
}

interface Signed {
  readonly root: Hash;
  readonly note: Promise<string>;
}

/** Sizes that receipts and trails of the last seconds ask for. */
const MAX_KEPT = 1024;

export class LogSigner {
  readonly #signer: NoteSigner;
  readonly #signed = new Lru<Signed>(MAX_KEPT);

  constructor(signer: NoteSigner) {
    this.#signer = signer;
  }

  /** Name of the log, and of its key. */
  get origin(): string {
    return this.#signer.key.name;
  }

  /**
   * The signed checkpoint (C2SP tlog-checkpoint) of a *committed* head: the caller takes it from the ledger's state, never
   * from what it is about to write. Errors: PROOF_INVALID · FORK if another root of the same size was signed before.
   */
  checkpoint(head: TreeHead): Promise<string> {
    const size = String(head.size);
    const before = this.#signed.get(size);
    if (before === undefined) {
      const note = this.#sign(head);
      this.#signed.set(size, { root: head.root, note });
      return note;
    }
    if (equalBytes(before.root, head.root)) return before.note;
    const fork = new QuanjiError("PROOF_INVALID", `${this.origin} has two roots for size ${size}: nothing is signed`, {
      detail: "FORK",
    });
    return Promise.reject(fork);
  }

  async #sign(head: TreeHead): Promise<string> {
    const text = formatCheckpoint({ origin: this.origin, ...head });
    return formatNote({ text, signatures: [await signNote(text, this.#signer.key, this.#signer.sign)] });
  }
}
