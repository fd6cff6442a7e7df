/**
 * A trail's lines in batches, of which some come with their records opened by another thread, while those before them are
 * replayed. Which do is a matter of time; what they say is not, for it follows from their bytes alone.
 */
import { linesOf, type TrailSource } from "./lines.js";
import type { LineOpener, OpenedLines } from "./opener.js";

const LF = 0x0a;
/** Of one batch. */
const MOST_LINES = 128;
/** Fewer are not worth a message: a source of small chunks is read in its place. */
const LEAST_LINES = 16;
const MOST_BYTES = 256 * 1024;
/** Batches that are read before they are replayed. */
const AHEAD = 12;

export interface ReadLines {
  /** Views, good until the next are asked for. */
  readonly lines: readonly Uint8Array[];
  /** Undefined: none was opened. */
  readonly opened: OpenedLines | undefined;
}

interface Batch {
  readonly lines: readonly Uint8Array[];
  /** What is opened of them; waited for when they are replayed. */
  readonly opening: Promise<OpenedLines | undefined> | undefined;
}

/** Without an opener as they come. Errors: those of {@link linesOf}, after all lines before them. */
export async function* readAhead(source: TrailSource, opener: LineOpener | undefined): AsyncGenerator<ReadLines> {
  if (opener === undefined) {
    for await (const lines of linesOf(source)) yield { lines, opened: undefined };
    return;
  }
  const batches = new Reading(batchesOf(source));
  const queue: Batch[] = [];
  try {
    for (;;) {
      // 1. Read what is there to be read, and hand some of it over.
      while (queue.length < AHEAD && (await batches.hasNext(opener, queue.length === 0))) {
        queue.push(begun(batches.take(), opener));
      }
      // 2. The oldest is the next to be replayed.
      const oldest = queue.shift();
      if (oldest === undefined) return;
      yield { lines: oldest.lines, opened: await oldest.opening };
    }
  } finally {
    await Promise.all([opener.close(), batches.close()]);
  }
}

function begun({ bytes, lines }: CopiedLines, opener: LineOpener): Batch {
  opener.seen(bytes.length);
  const isWorthIt = lines.length >= LEAST_LINES && opener.isFree;
  return { lines, opening: isWorthIt ? opener.open(bytes.slice()) : undefined };
}

/** Batches of a source that may be slow: asked for one ahead, and waited for only if there is nothing else to do. */
class Reading {
  readonly #batches: AsyncGenerator<CopiedLines>;
  #asked: Promise<void> | undefined;
  #next: CopiedLines | undefined;
  #end: { readonly fault?: unknown } | undefined;

  constructor(batches: AsyncGenerator<CopiedLines>) {
    this.#batches = batches;
  }

  /** `wait`: if there is none yet. Errors: what the source's lines end with, once `wait` says that all before it are done. */
  async hasNext(opener: LineOpener, wait: boolean): Promise<boolean> {
    if (this.#next === undefined && this.#end === undefined) {
      this.#asked ??= this.#ask();
      await opener.turn();
      if (wait) await this.#asked;
    }
    if (wait && this.#end !== undefined && "fault" in this.#end) throw this.#end.fault;
    return this.#next !== undefined;
  }

  async #ask(): Promise<void> {
    try {
      const step = await this.#batches.next();
      if (step.done === true) this.#end = {};
      else this.#next = step.value;
    } catch (fault) {
      this.#end = { fault };
    }
    this.#asked = undefined;
  }

  take(): CopiedLines {
    const next = this.#next;
    if (next === undefined) throw new TypeError("no batch was read");
    this.#next = undefined;
    return next;
  }

  /** A source that is still being waited for is given up without an answer of it: it may never come. */
  async close(): Promise<void> {
    const closed = this.#batches.return(undefined);
    if (this.#asked === undefined) await closed;
    else closed.catch(() => undefined); // the verdict is there, and does not rest on how a source ends
  }
}

/** Lines of this module's own: those of the source are good for a moment only. */
interface CopiedLines {
  /** All of them, each with its line feed. */
  readonly bytes: Uint8Array;
  readonly lines: readonly Uint8Array[];
}

async function* batchesOf(source: TrailSource): AsyncGenerator<CopiedLines> {
  for await (const lines of linesOf(source)) {
    for (let from = 0, to = 0; from < lines.length; from = to) {
      let size = 0;
      for (; to < lines.length && to - from < MOST_LINES && size < MOST_BYTES; to++)
        size += (lines[to]?.length ?? 0) + 1;
      yield copied(lines.slice(from, to), size);
    }
  }
}

function copied(lines: readonly Uint8Array[], size: number): CopiedLines {
  const bytes = new Uint8Array(size).fill(LF);
  let at = 0;
  const own = lines.map((line) => {
    bytes.set(line, at);
    const start = at;
    at += line.length + 1;
    return bytes.subarray(start, at - 1);
  });
  return { bytes, lines: own };
}
