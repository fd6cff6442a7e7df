/**
 * The blocks of an embedded ledger, which has no peers, as its gateway publishes them. Each must follow the one before and hold
 * what its header hashes, so that a gateway cannot change its mind towards this witness. Which of its transactions are valid is
 * that gateway's own word: one process holds all keys there, and only an audit of the blocks says more.
 */
import { common, peer } from "@hyperledger/fabric-protos";
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import { equalBytes } from "@quanji/chaincode/log";
import { z } from "zod";
import { readBytesWithin, readWithin } from "../../cosigning/read-within.js";
import { dataHashOf, decodeBlock as partsOf, headerHash } from "../../ledger/embedded/block.js";
import { decodeBlock } from "../../ledger/fabric/decode.js";
import type { BlockStream, LedgerBlock } from "../../ledger/ledger.js";
import type { Pause } from "../../recorder/pause.js";
import type { Followed, StoredBlocks } from "./ledger-peer.js";

export interface RemoteBlocksOptions {
  /** The gateway's address, without a slash at its end. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly pause: Pause;
  /** Told once when blocks stop coming, until they come again. */
  readonly report: (what: string, error: unknown) => void;
}

/** A batch of records and its transaction stay far below. */
const MAX_BLOCK_BYTES = 64 * 1024 * 1024;
/** The gateway itself waits some seconds for the next block. */
const ANSWER_MS = 30_000;
const BACK_OFF = { firstMs: 100, mostMs: 5_000 } as const;
const CHAINCODE = "quanji";
const Height = z.strictObject({ height: z.int().min(0) });

export class RemoteBlocks implements Followed, StoredBlocks {
  readonly #options: RemoteBlocksOptions;

  constructor(options: RemoteBlocksOptions) {
    this.#options = options;
  }

  async newest(): Promise<number> {
    const { url, fetch } = this.#options;
    const response = await fetch(`${url}/v1/blocks`, { redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(`${url} publishes no blocks: ${response.status}`);
    return parseWith(Height, JSON.parse(await readWithin(response, 1024))).height;
  }

  bytes(number: number): Promise<Uint8Array | undefined> {
    return this.#ask(number, new AbortController().signal);
  }

  blocks(from: number): BlockStream {
    const over = new AbortController();
    const run = this.#run(from, over.signal);
    const close = (): Promise<void> => {
      over.abort();
      return Promise.resolve();
    };
    return { [Symbol.asyncIterator]: () => run, close, [Symbol.asyncDispose]: close };
  }

  /** Errors: PROOF_INVALID · BLOCK_CHAIN, BLOCK_DATA_HASH, BLOCK_MALFORMED: such a ledger is not followed any further. */
  async *#run(from: number, signal: AbortSignal): AsyncGenerator<LedgerBlock> {
    let before: Uint8Array | undefined;
    for (let number = from; !signal.aborted; number++) {
      const bytes = await this.#fetch(number, signal);
      if (bytes === undefined) return;
      const { block, hash } = open(bytes, number, before);
      before = hash;
      yield block;
    }
  }

  /** Undefined once the stream is closed. */
  async #fetch(number: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { pause, report } = this.#options;
    let waitMs: number = BACK_OFF.firstMs;
    let told = false;
    while (!signal.aborted) {
      try {
        const bytes = await this.#ask(number, signal);
        if (bytes !== undefined) return bytes;
        waitMs = BACK_OFF.firstMs;
      } catch (error) {
        if (isOver(signal)) return undefined;
        if (!told) report("the gateway does not give its blocks", error);
        told = true;
        waitMs = Math.min(waitMs * 2, BACK_OFF.mostMs);
      }
      await pause(waitMs, signal);
    }
    return undefined;
  }

  /** Undefined if there is no such block yet. */
  async #ask(number: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { url, fetch } = this.#options;
    const response = await fetch(`${url}/v1/blocks/${number}`, {
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    if (response.ok) return readBytesWithin(response, MAX_BLOCK_BYTES);
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw new Error(`block ${number}: ${response.status}`);
  }
}

/** Asked anew: it changes while something is awaited. */
const isOver = (signal: AbortSignal): boolean => signal.aborted;

function open(
  bytes: Uint8Array,
  number: number,
  before: Uint8Array | undefined,
): { readonly block: LedgerBlock; readonly hash: Uint8Array } {
  const wrong = (detail: string, message: string, cause?: unknown): QuanjiError =>
    new QuanjiError("PROOF_INVALID", `block ${number} ${message}`, { detail, cause });
  try {
    const { header, envelopes } = partsOf(bytes);
    if (header.number !== number) throw wrong("BLOCK_MALFORMED", "has another number");
    if (before !== undefined && !equalBytes(header.previousHash, before)) {
      throw wrong("BLOCK_CHAIN", "does not follow the one before");
    }
    if (!equalBytes(header.dataHash, dataHashOf(envelopes))) {
      throw wrong("BLOCK_DATA_HASH", "does not hold what its header hashes");
    }
    const message = new peer.BlockAndPrivateData();
    message.setBlock(common.Block.deserializeBinary(bytes));
    const { block } = decodeBlock(message, { chaincode: CHAINCODE, isMember: () => false });
    return { block, hash: headerHash(header) };
  } catch (error) {
    if (error instanceof QuanjiError) throw error;
    throw wrong("BLOCK_MALFORMED", "cannot be read", error);
  }
}
