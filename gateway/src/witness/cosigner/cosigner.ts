/**
 * The witness's one decision: whether to cosign a checkpoint. Never two trees of one log, never a tree that its own peer does
 * not have, and nothing is said before it is on disk. Requests on one log stand in line.
 * @see C2SP tlog-witness, tlog-cosignature
 */
import type { ForkProof } from "@quanji/chaincode/domain";
import { isQuanjiError } from "@quanji/chaincode/domain";
import {
  type Checkpoint,
  contradicts,
  cosignNote,
  EMPTY_ROOT,
  formatNote,
  type Hash,
  hashText,
  NOTE_TYPES,
  type NoteKey,
  type NoteSignature,
  openCheckpoint,
  parseAddCheckpoint,
  parseHash,
  parseNote,
  parseVkey,
  type SignedNote,
  type VerifySignature,
  verifyConsistency,
} from "@quanji/chaincode/log";
import type { NoteSigner } from "../log-signer.js";
import type { Held, WitnessMemory } from "./memory.js";
import type { Peer } from "./peer.js";

/** What a request to add a checkpoint ends in. */
export type Added =
  | { readonly outcome: "cosigned"; readonly signature: NoteSignature; readonly note: string }
  /** No log of this origin is known. */
  | { readonly outcome: "unknown" }
  /** Not signed by the log. */
  | { readonly outcome: "unsigned" }
  /** The request does not parse, or its old size is above the checkpoint's. */
  | { readonly outcome: "malformed"; readonly message: string }
  /** The old size is not what this witness holds. */
  | { readonly outcome: "conflict"; readonly size: number }
  /** The tree contradicts the one that is held, its proof does not hold, or the peer has another tree. */
  | { readonly outcome: "contradiction"; readonly message: string }
  /** The peer has not got that far, or this clock has gone back: ask again. */
  | { readonly outcome: "behind" };

/** Moments between which a witness may die. */
export const WITNESS_STEPS = ["checked", "signed", "persisted"] as const;
export type WitnessStep = (typeof WITNESS_STEPS)[number];

export interface CosignerOptions {
  /** Type 04: signs nothing else. */
  readonly signer: NoteSigner;
  readonly memory: WitnessMemory;
  /** Logs by their verifier keys; where a peer is given, those registered on its ledger count instead. */
  readonly vkeys: readonly string[];
  readonly peer?: Peer;
  /** Ledger time, ms since 1970. */
  readonly clock: () => number;
  readonly verify: VerifySignature;
  /** Why nothing may be signed at all; undefined if it may. */
  readonly halted?: () => string | undefined;
  /** Keeps a fork proof; it is kept before the request is refused. */
  readonly publish: (fork: ForkProof) => Promise<void>;
  /** For tests: called at each step. */
  readonly atStep?: (step: WitnessStep) => void;
}

interface Opened {
  readonly oldSize: number;
  readonly proof: readonly Hash[];
  readonly note: SignedNote;
  readonly checkpoint: Checkpoint;
}

export class Cosigner {
  readonly #options: CosignerOptions;
  readonly #lines = new Map<string, Promise<unknown>>();

  constructor(options: CosignerOptions) {
    this.#options = options;
  }

  /** @param body of an add-checkpoint request. Errors: INTERNAL · WITNESS_STATE; whatever the disk or the peer throws. */
  async add(body: Uint8Array | string): Promise<Added> {
    let request: ReturnType<typeof parseAddCheckpoint>;
    try {
      request = parseAddCheckpoint(body);
    } catch (error) {
      if (!isQuanjiError(error)) throw error;
      return { outcome: "malformed", message: error.message };
    }
    const { checkpoint, oldSize, proof } = request;
    const keys = await this.#keysOf(checkpoint.origin);
    if (keys.length === 0) return { outcome: "unknown" };
    const note = await this.#signedByLog(request.note, keys);
    if (note === undefined) return { outcome: "unsigned" };
    if (oldSize > checkpoint.size) return { outcome: "malformed", message: "the old size is above the checkpoint's" };
    return this.#inLine(checkpoint.origin, () => this.#consider({ oldSize, proof, note, checkpoint }));
  }

  /** The newest cosigned checkpoint of a log; undefined if there is none. */
  async newest(origin: string): Promise<string | undefined> {
    return (await this.#options.memory.held(origin))?.note;
  }

  /**
   * Cosigns again, with the time of now, what is held and still the newest: for a log in which nothing happens, the only way
   * to know that nothing did. Answers whether it signed.
   */
  refresh(origin: string): Promise<boolean> {
    return this.#inLine(origin, async () => {
      const held = await this.#options.memory.held(origin);
      if (held === undefined || this.#seconds() < held.time || this.#options.halted?.() !== undefined) return false;
      const { peer } = this.#options;
      // The peer has something newer: to sign the old one with a new time would hide it.
      if (peer !== undefined && (await peer.newest(origin)) !== held.size) return false;
      await this.#sign(origin, held, this.#withoutOwn(held.note));
      return true;
    });
  }

  async #consider(request: Opened): Promise<Added> {
    const { checkpoint, note } = request;
    const held = await this.#options.memory.held(checkpoint.origin);
    const refusal = (await this.#contradictionOf(held, request)) ?? (await this.#peersRefusal(checkpoint));
    if (refusal !== undefined) return refusal;
    if (this.#seconds() < (held?.time ?? 0)) return { outcome: "behind" };
    this.#options.atStep?.("checked");
    return this.#sign(checkpoint.origin, { size: checkpoint.size, root: hashText(checkpoint.root) }, note);
  }

  /** What speaks against the request in what this witness has cosigned itself. */
  async #contradictionOf(held: Held | undefined, request: Opened): Promise<Added | undefined> {
    const { checkpoint, oldSize } = request;
    const size = held?.size ?? 0;
    // Two roots of one size contradict each other whatever old size the request names; what is answered is C2SP's matter, which
    // has a wrong old size come first (409), and then what does not fit the tree that is held (422, not 409 as in its version 1.0.0).
    const isFork = held?.size === checkpoint.size && held.root !== hashText(checkpoint.root);
    if (isFork) await this.#publish(held, request.note);
    if (oldSize !== size) return { outcome: "conflict", size };
    if (isFork) return { outcome: "contradiction", message: "another tree of this size is cosigned" };
    const fault = this.#inconsistency(held, request);
    if (fault === undefined) return undefined;
    if (held !== undefined) await this.#exposeGrowth(held, request);
    return { outcome: "contradiction", message: fault };
  }

  /** What speaks against it in this organisation's own ledger. */
  async #peersRefusal({ origin, size, root }: Checkpoint): Promise<Added | undefined> {
    const halted = this.#options.halted?.();
    if (halted !== undefined) return { outcome: "contradiction", message: halted };
    const standing = await this.#options.peer?.standing(origin, size);
    if (standing === undefined || (standing.state === "committed" && standing.root === hashText(root))) {
      return undefined;
    }
    return standing.state === "behind"
      ? { outcome: "behind" }
      : { outcome: "contradiction", message: "this organisation's peer has committed another log" };
  }

  #inconsistency(held: Held | undefined, { checkpoint, proof }: Opened): string | undefined {
    const from = held?.size ?? 0;
    const fromRoot = held === undefined ? EMPTY_ROOT : parseHash(held.root);
    try {
      verifyConsistency({ from, to: checkpoint.size, fromRoot, toRoot: checkpoint.root, proof });
      return undefined;
    } catch (error) {
      if (!isQuanjiError(error)) throw error;
      return error.message;
    }
  }

  /** Signs, persists, and only then answers. */
  async #sign(origin: string, { size, root }: Pick<Held, "size" | "root">, note: SignedNote): Promise<Added> {
    const { signer, memory, atStep } = this.#options;
    const time = this.#seconds();
    const signature = await cosignNote(note.text, signer.key, time, signer.sign);
    atStep?.("signed");
    const text = formatNote({ text: note.text, signatures: [...note.signatures, signature] });
    await memory.hold(origin, { size, root, note: text, time });
    atStep?.("persisted");
    return { outcome: "cosigned", signature, note: text };
  }

  /** Only where the proof itself shows it: a proof that leads nowhere is no evidence against anybody. */
  async #exposeGrowth(held: Held, { checkpoint, proof, note }: Opened): Promise<void> {
    const claim = {
      from: held.size,
      to: checkpoint.size,
      fromRoot: parseHash(held.root),
      toRoot: checkpoint.root,
      proof,
    };
    try {
      if (!contradicts(claim)) return;
    } catch (error) {
      if (!isQuanjiError(error)) throw error;
      return; // a proof of the wrong length shows nothing
    }
    await this.#publish(held, note, proof);
  }

  async #publish(held: Held, newer: SignedNote, proof?: readonly Hash[]): Promise<void> {
    const older = formatNote(this.#withoutOwn(held.note));
    await this.#options.publish({
      v: "quanji.evidence.v1",
      kind: "fork",
      older,
      newer: formatNote(newer),
      ...(proof !== undefined && { proof: proof.map(hashText) }),
    });
  }

  #withoutOwn(text: string): SignedNote {
    const { name, id } = this.#options.signer.key;
    const note = parseNote(text);
    return { ...note, signatures: note.signatures.filter((line) => line.name !== name || line.id !== id) };
  }

  async #keysOf(origin: string): Promise<readonly NoteKey[]> {
    const { peer, vkeys } = this.#options;
    const known = peer === undefined ? vkeys : await peer.vkeys(origin);
    return known.map((vkey) => parseVkey(vkey, NOTE_TYPES.ed25519)).filter(({ name }) => name === origin);
  }

  /** The note with the log's own signatures and no others: what a stranger adds would otherwise be handed on. */
  async #signedByLog(note: SignedNote, keys: readonly NoteKey[]): Promise<SignedNote | undefined> {
    const own = note.signatures.filter((line) => keys.some(({ name, id }) => name === line.name && id === line.id));
    if (own.length === 0) return undefined;
    const signed = { text: note.text, signatures: own };
    try {
      await openCheckpoint(formatNote(signed), keys, [], this.#options.verify);
      return signed;
    } catch (error) {
      if (isQuanjiError(error, "PROOF_INVALID")) return undefined;
      throw error;
    }
  }

  #seconds(): number {
    return Math.floor(this.#options.clock() / 1000);
  }

  /** One at a time for each log: checking and persisting are one step to everybody else. */
  #inLine<T>(origin: string, act: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(origin) ?? Promise.resolve();
    const turn = before.then(act, act);
    const settled = turn.catch(() => undefined);
    this.#lines.set(origin, settled);
    return turn;
  }
}
