/**
 * Sequence numbers of accesses: dense per key and log, so that a gap shows an access that nobody recorded. A number belongs
 * to one recorded request. What was handed out is written down *before* it is sent; what came to nothing is used again; what
 * was lost is voided, so that no gap remains.
 */
import { QuanjiError, SEQ_WINDOW } from "@quanji/chaincode/domain";

/** Keeps, for a key and log, the next number that was never handed out. `save` returns once it is durable. */
export interface SeqStore {
  load(kid: string, log: string): Promise<number | undefined>;
  save(kid: string, log: string, next: number): Promise<void>;
}

/** For processes that ask the gateway anew at each start, and for tests. */
export function memorySeqStore(): SeqStore {
  const numbers = new Map<string, number>();
  return {
    load: (kid, log) => Promise.resolve(numbers.get(`${kid} ${log}`)),
    save: (kid, log, next) => {
      numbers.set(`${kid} ${log}`, next);
      return Promise.resolve();
    },
  };
}

/** What the ledger has seen of a key in a log: `/v1/seq`. */
export interface SeqStatus {
  readonly log: string;
  /** One more than the highest number recorded. */
  readonly next: number;
  /** Which of the last 1,024 below `next` were recorded; bit `seq mod 1024`, 128 bytes. */
  readonly seen: Uint8Array;
}

const wasSeen = ({ seen }: SeqStatus, seq: number): boolean => {
  const position = seq % SEQ_WINDOW;
  return ((seen[Math.floor(position / 8)] ?? 0) & (2 ** (position % 8))) !== 0;
};

/** Numbers below `next` that were never recorded and can still be voided: oldest first. */
export function holesBelow(status: SeqStatus, next: number): number[] {
  const holes: number[] = [];
  for (let seq = Math.max(0, status.next - SEQ_WINDOW); seq < next; seq++) {
    if (seq >= status.next || !wasSeen(status, seq)) holes.push(seq);
  }
  return holes;
}

export interface SeqKeeperOptions {
  readonly kid: string;
  readonly log: string;
  readonly store: SeqStore;
  readonly ask: () => Promise<SeqStatus>;
  /** Numbers written down at once. More of them, and a crash leaves more to void. */
  readonly reserve?: number;
}

/** Leaves room below the window for what is void or lost. */
const MAX_UNDER_WAY = SEQ_WINDOW / 2;

/** Hands out the numbers of one key in one log. Only one process may do so for a key: two would take each other's. */
export class SeqKeeper {
  readonly #options: SeqKeeperOptions;
  #next = 0;
  /** What the store says: numbers below it may be handed out without writing. */
  #saved = 0;
  /** Handed out, sent, and answered: not recorded. Free again. */
  readonly #free: number[] = [];
  /** Sent, and nobody knows what became of them. */
  readonly #lost = new Set<number>();
  readonly #underWay = new Set<number>();
  #turn: Promise<unknown> = Promise.resolve();
  #opened = false;

  constructor(options: SeqKeeperOptions) {
    this.#options = options;
  }

  /** The next number, durable before it is given. Errors: STATE_CONFLICT if 512 are under way, and those of store and gateway. */
  take(): Promise<number> {
    return this.#inTurn(async () => {
      await this.#open();
      if (this.#underWay.size >= MAX_UNDER_WAY) {
        throw new QuanjiError(
          "STATE_CONFLICT",
          `${MAX_UNDER_WAY} accesses of this key are under way: wait for some of them`,
        );
      }
      const seq = this.#free.shift() ?? (await this.#fresh());
      this.#underWay.add(seq);
      return seq;
    });
  }

  /** A record has used the number up. */
  used(seq: number): void {
    this.#underWay.delete(seq);
  }

  /** The gateway said, signed, that nothing was recorded: the number is free. */
  giveBack(seq: number): void {
    this.#underWay.delete(seq);
    this.#free.push(seq);
    this.#free.sort((a, b) => a - b);
  }

  /** No answer came, however often it was asked for. {@link holes} finds out and voids it. */
  lose(seq: number): void {
    this.#underWay.delete(seq);
    this.#lost.add(seq);
  }

  /** Numbers that were lost in this run. */
  get lost(): readonly number[] {
    return [...this.#lost];
  }

  /** Asks the gateway where it stands: another process may have used this key, or this store may be new. */
  resync(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#open();
      const { next } = await this.#options.ask();
      if (next > this.#next) await this.#save(next);
      this.#next = Math.max(this.#next, next);
    });
  }

  /** Numbers that were handed out, are not under way and were never recorded. To be voided; free ones are used again instead. */
  holes(): Promise<readonly number[]> {
    return this.#inTurn(async () => {
      await this.#open();
      const status = await this.#options.ask();
      // They are holes or were recorded; the ledger has just said which.
      this.#lost.clear();
      const busy = new Set([...this.#underWay, ...this.#free]);
      return holesBelow(status, this.#next).filter((seq) => !busy.has(seq));
    });
  }

  /** Gives reserved numbers back to the store. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#opened && this.#saved !== this.#next) await this.#save(this.#next);
    });
  }

  async #open(): Promise<void> {
    if (this.#opened) return;
    const { store, kid, log, ask } = this.#options;
    this.#next = (await store.load(kid, log)) ?? (await ask()).next;
    this.#saved = this.#next;
    this.#opened = true;
  }

  async #fresh(): Promise<number> {
    if (this.#next >= this.#saved) await this.#save(this.#next + (this.#options.reserve ?? 1));
    return this.#next++;
  }

  async #save(next: number): Promise<void> {
    const { store, kid, log } = this.#options;
    await store.save(kid, log, next);
    this.#saved = next;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
