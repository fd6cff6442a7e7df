/**
 * Head notes by the heads key of the embedded ledger, a key apart from all its others. Like a witness it states only what
 * its own peer's state says: it reads digests and never the read model's opinion of them.
 */
import { type LogState, type Orders, QuanjiError } from "@quanji/chaincode/domain";
import {
  type ChainKey,
  chainStart,
  emptyHead,
  formatHeadNote,
  formatNote,
  hashText,
  parseHash,
  type Position,
  PUBLIC_SALT,
  sealedDigest,
  sha256Text,
  signNote,
} from "@quanji/chaincode/log";
import { publicKeys } from "@quanji/chaincode/world";
import type { WitnessView } from "../ledger/ledger.js";
import type { SealedHead } from "../readmodel/chains.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { NoteSigner } from "./log-signer.js";
import type { AskedChain } from "./notary/request.js";
import { hasPendingStop } from "./pending-stop.js";
import type { Sighting } from "./sighting.js";

export interface StatedHead {
  /** Signed head note. */
  readonly note: string;
  /** What opens the note's `state`; undefined where that is `none`. */
  readonly head: SealedHead | undefined;
  /** How witnesses are asked for the same. */
  readonly asked: AskedChain;
  /** Nothing is stored for the chain. */
  readonly isAbsent: boolean;
}

export interface HeadWitnessOptions {
  readonly index: LedgerIndex;
  readonly net: string;
  readonly signer: NoteSigner;
}

const UNSTOPPED = ["acts", "offer", "contract", "books", "disclosures"] as const;
/** Chains of a collection that no stop waits for. */
const isUnstopped = (kind: ChainKey["kind"]): kind is (typeof UNSTOPPED)[number] =>
  UNSTOPPED.some((known) => known === kind);

export class HeadWitness {
  readonly #options: HeadWitnessOptions;

  constructor(options: HeadWitnessOptions) {
    this.#options = options;
  }

  /**
   * States a chain's head as it was in the sighting. The index must have reached the view's block. Errors: STOP_PENDING (a
   * stop of the grant waits to be folded: look again in a moment), PROOF_INVALID · STATE_OPENING (index and ledger differ).
   */
  async state({ view, timeMs }: Sighting, key: ChainKey): Promise<StatedHead> {
    const { index, net, signer } = this.#options;
    const log = await readLog(view, key.scope);
    const digest = key.scope === net ? await publicDigest(view, key) : await this.#privateDigest(view, key);
    const head = await openingOf(index, view.block, key, digest);
    if (log === undefined && key.kind === "grant" && (await hasPendingStop(index, view, key, head?.n ?? 0))) {
      throw new QuanjiError("STOP_PENDING", "a stop of this grant is not folded into it yet: ask again in a moment");
    }
    const block = { number: view.block, hash: parseHash(view.blockHash) };
    const at: Position =
      log === undefined ? { scope: net, ...block } : { scope: log.origin, number: log.size, hash: parseHash(log.root) };
    const text = formatHeadNote({
      at,
      key: chainStart(key),
      state: digest === undefined ? "none" : parseHash(digest),
      block,
      time: Math.floor(timeMs / 1000),
    });
    const name = key.scope === net ? undefined : await index.headName(key);
    return {
      note: formatNote({ text, signatures: [await signNote(text, signer.key, signer.sign)] }),
      head,
      asked: {
        scope: key.scope,
        start: hashText(chainStart(key)),
        ...(name !== undefined && { name }),
        ...(log === undefined && key.kind === "grant" && { grant: key.id }),
        ...(key.kind === "openings" && { openings: key.id }),
        ...(isUnstopped(key.kind) && { object: { kind: key.kind, id: key.id } }),
      },
      isAbsent: digest === undefined,
    };
  }

  async #privateDigest(view: WitnessView, key: ChainKey): Promise<string | undefined> {
    const { index } = this.#options;
    const name = await index.headName(key);
    return name === undefined ? undefined : view.getPrivateHash(index.collection, name);
  }
}

/** State of the log that carries a record chain; undefined where the scope is no log's. */
export async function readLog(view: WitnessView, scope: string): Promise<LogState | undefined> {
  const text = await view.get(publicKeys.log(scope));
  return text === undefined ? undefined : (JSON.parse(text) as LogState);
}

async function publicDigest(view: WitnessView, key: ChainKey): Promise<string | undefined> {
  const text = await view.get(key.kind === "orders" ? publicKeys.orders : publicKeys.chain(key));
  if (text === undefined) return undefined;
  // The head of the orders stands inside their value, which also holds the orders themselves.
  return key.kind === "orders" ? sealedDigest(headIn(JSON.parse(text) as Orders), PUBLIC_SALT) : sha256Text(text);
}

const headIn = ({ h, n }: Orders) => ({ h: h, n });

/** What opens a digest. Errors: PROOF_INVALID · STATE_OPENING. */
async function openingOf(
  index: LedgerIndex,
  block: number,
  key: ChainKey,
  digest: string | undefined,
): Promise<SealedHead | undefined> {
  if (digest === undefined) return undefined;
  const untouched = { ...emptyHead(key), salt: PUBLIC_SALT };
  const head = (await index.headAt(key, block)) ?? untouched;
  if (sealedDigest(head, head.salt) === digest) return head;
  throw new QuanjiError("PROOF_INVALID", `the index has another head of the ${key.kind} chain than the ledger`, {
    detail: "STATE_OPENING",
  });
}
