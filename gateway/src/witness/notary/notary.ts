/**
 * The witness's other decision: what it says of the tip of a chain. A note is made of nothing but what the own peer's blocks
 * say; the gateway that asks chooses the block and the time, and gets neither a position that the peer has not, nor a time at
 * which that position was not the newest any more. Of one block it says one thing for ever, whatever becomes of its peer.
 */
import { isQuanjiError, stopDigest } from "@quanji/chaincode/domain";
import {
  chainStart,
  formatHeadNote,
  formatNote,
  hashText,
  parseHash,
  type Position,
  sha256Text,
  signNote,
} from "@quanji/chaincode/log";
import { collectionOf, privateKeys, publicKeys } from "@quanji/chaincode/world";
import type { NoteSigner } from "../log-signer.js";
import type { WitnessMemory } from "../cosigner/memory.js";
import type { HeadPeer } from "./peer.js";
import { type AskedChain, type HeadsRequest, parseHeadsRequest } from "./request.js";

/** What a request for head notes ends in: all of its notes, in order, or none. */
export type Stated =
  | { readonly outcome: "stated"; readonly notes: readonly string[] }
  | { readonly outcome: "malformed"; readonly message: string }
  /** The peer has no such log, or no network yet. */
  | { readonly outcome: "unknown"; readonly message: string }
  /** The peer has not read that block yet: ask again. */
  | { readonly outcome: "behind" }
  /** The block lies too far back: ask for a newer one. */
  | { readonly outcome: "gone" }
  /** The block was the newest until `time` (seconds since 1970) as far as this witness knows: ask for no later one. */
  | { readonly outcome: "early"; readonly time: number }
  /** A stop of a grant is not in its chain yet: ask again. */
  | { readonly outcome: "pending" }
  /** The peer, now or once, has another block of that number; or the name is not that of the chain. */
  | { readonly outcome: "contradiction"; readonly message: string };

type Refusal = Exclude<Stated, { readonly outcome: "stated" }>;

/** Moments between which a witness may die. */
export const NOTARY_STEPS = ["read", "persisted", "signed"] as const;
export type NotaryStep = (typeof NOTARY_STEPS)[number];

export interface NotaryOptions {
  /** Type 01, and a key of its own: what it signs is no checkpoint. */
  readonly signer: NoteSigner;
  readonly memory: Pick<WitnessMemory, "spoken" | "speak">;
  readonly peer: HeadPeer;
  /** Why nothing may be signed at all; undefined if it may. */
  readonly halted?: () => string | undefined;
  /** How long a request waits for the peer to have read its block. */
  readonly patienceMs: number;
  /** For tests: called at each step. */
  readonly atStep?: (step: NotaryStep) => void;
}

class Refused extends Error {
  readonly stated: Refusal;

  constructor(stated: Refusal) {
    super(stated.outcome);
    this.stated = stated;
  }
}

const refuse = (stated: Refusal): never => {
  throw new Refused(stated);
};

export class Notary {
  readonly #options: NotaryOptions;
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: NotaryOptions) {
    this.#options = options;
  }

  /** @param body JSON of a {@link HeadsRequest}. Errors: INTERNAL · WITNESS_STATE; whatever the disk or the peer throws. */
  async state(body: string): Promise<Stated> {
    try {
      const request = parseRequest(body);
      const halted = this.#options.halted?.();
      if (halted !== undefined) return { outcome: "contradiction", message: halted };
      const texts = await this.#texts(request);
      this.#options.atStep?.("read");
      await this.#inLine(() => this.#remember(request));
      this.#options.atStep?.("persisted");
      const { signer } = this.#options;
      const notes = await Promise.all(
        texts.map(async (text) => formatNote({ text, signatures: [await signNote(text, signer.key, signer.sign)] })),
      );
      this.#options.atStep?.("signed");
      return { outcome: "stated", notes };
    } catch (error) {
      if (error instanceof Refused) return error.stated;
      throw error;
    }
  }

  async #texts({ block, time, chains }: HeadsRequest): Promise<readonly string[]> {
    const { peer, patienceMs } = this.#options;
    if (!(await peer.reached(block.number, patienceMs))) refuse({ outcome: "behind" });
    if (block.number < peer.oldest) refuse({ outcome: "gone" });
    if ((await peer.hashOf(block.number)) !== block.hash) {
      refuse({ outcome: "contradiction", message: "this organisation's peer has another block of that number" });
    }
    await this.#assertTime(block.number, time);
    const net = await peer.net();
    if (net === undefined) return refuse({ outcome: "unknown", message: "the network has not begun" });
    const at = { number: block.number, hash: parseHash(block.hash) };
    const texts: string[] = [];
    for (const chain of chains) {
      const { position, digest } = await this.#find(net, chain, block.number);
      texts.push(
        formatHeadNote({
          at: position ?? { scope: net, ...at },
          key: parseHash(chain.start),
          state: digest === undefined ? "none" : parseHash(digest),
          block: at,
          time,
        }),
      );
    }
    return texts;
  }

  /** An old position with a new time would hide what followed. */
  async #assertTime(block: number, time: number): Promise<void> {
    const { peer } = this.#options;
    const known = (): number => Math.floor((peer.lastInstant(block) ?? 0) / 1000);
    if (known() < time) await peer.confirm();
    if (known() < time) refuse({ outcome: "early", time: known() });
  }

  async #find(
    net: string,
    chain: AskedChain,
    block: number,
  ): Promise<{ readonly position?: Position; readonly digest: string | undefined }> {
    const { peer } = this.#options;
    const { scope } = chain;
    if (scope === net) return { digest: await this.#publicDigest(net, chain, block) };
    if (scope.startsWith(`${net}/org-`)) {
      const collection = scope.slice(net.length + 1);
      await this.#assertNoStop(chain, collection, block);
      return { digest: await this.#privateDigest(chain, collection, block) };
    }
    const log = await peer.log(scope, block);
    if (log === undefined) return refuse({ outcome: "unknown", message: `there is no log ${scope} in that block` });
    return {
      position: { scope, number: log.size, hash: parseHash(log.root) },
      digest: await this.#privateDigest(chain, collectionOf(log.msp), block),
    };
  }

  #publicDigest(net: string, { start }: AskedChain, block: number): Promise<string | undefined> {
    const orders = hashText(chainStart({ scope: net, kind: "orders", id: net }));
    return this.#options.peer.publicDigest(start === orders ? publicKeys.orders : `chain/${start}`, block);
  }

  /**
   * A digest opens to the chain's own head or to none, so a wrong name behind it is found by whoever opens it. That there is
   * no digest opens to nothing: there the name has to be proven.
   */
  async #privateDigest(chain: AskedChain, collection: string, block: number): Promise<string | undefined> {
    const { peer } = this.#options;
    const { scope, start, name, secret } = chain;
    if (name?.startsWith(`head/${scope}/`) !== true) {
      return refuse({ outcome: "malformed", message: "name: is that of a head in the chain's scope" });
    }
    const digest = await peer.privateHash(collection, name, block);
    if (digest !== undefined) return digest;
    if (secret === undefined) {
      return refuse({ outcome: "malformed", message: "secret: is needed to state that a chain was never touched" });
    }
    const isStored = (await peer.privateHash(collection, privateKeys.secret, block)) === sha256Text(secret);
    if (!isStored || privateKeys.headAt(valueIn(secret), scope, parseAs(start)) !== name) {
      refuse({
        outcome: "contradiction",
        message: "the name is not that under which this chain's head would be stored",
      });
    }
    return undefined;
  }

  /** A stop bites before it is in the chain: until it is there, the chain's head says too little. */
  async #assertNoStop(
    { scope, start, grant, openings, object }: AskedChain,
    collection: string,
    block: number,
  ): Promise<void> {
    const { peer } = this.#options;
    // Its start says what chain it is, so nobody can pass a grant's for one that cannot be stopped.
    if (openings !== undefined && hashText(chainStart({ scope, kind: "openings", id: openings })) === start) return;
    if (object !== undefined && hashText(chainStart({ scope, ...object })) === start) return;
    if (grant === undefined || hashText(chainStart({ scope, kind: "grant", id: grant })) !== start) {
      refuse({ outcome: "malformed", message: "grant: is the id from which the chain starts" });
      return;
    }
    const stop = await peer.pendingStop(stopDigest(grant), block);
    if (stop === undefined) return;
    // What is folded is stored as every command on a grant is.
    const folded = await peer.privateHash(collection, privateKeys.command(stop), block);
    if (folded === undefined) refuse({ outcome: "pending" });
  }

  /** Persisted before anything is said: another ledger under the same numbers is refused, even by a witness whose peer lost all. */
  async #remember({ block }: HeadsRequest): Promise<void> {
    const { memory, peer } = this.#options;
    const spoken = await memory.spoken();
    if (spoken !== undefined) {
      const known = await peer.hashOf(spoken.block);
      // The peer reads its blocks again and has not come so far: an earlier block of another ledger would look the same.
      if (known === undefined) refuse({ outcome: "behind" });
      if (known !== spoken.hash) {
        refuse({
          outcome: "contradiction",
          message: `the peer has another block ${spoken.block} than this witness has spoken of`,
        });
      }
      if (spoken.block >= block.number) return;
    }
    await memory.speak({ block: block.number, hash: block.hash });
  }

  #inLine<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#line.then(act, act);
    this.#line = turn.catch(() => undefined);
    return turn;
  }
}

const parseAs = (start: string) => hashText(parseHash(start));

function valueIn(secret: string): string {
  try {
    const { value } = JSON.parse(secret) as { readonly value?: unknown };
    return typeof value === "string" ? value : "";
  } catch {
    return ""; // it is not what is stored, then
  }
}

function parseRequest(body: string): HeadsRequest {
  try {
    return parseHeadsRequest(body);
  } catch (error) {
    if (!isQuanjiError(error, "MALFORMED")) throw error;
    return refuse({ outcome: "malformed", message: error.message });
  }
}
