/** The head that the next batch expects: from the last committed result, or from the read model where that knows more. */
import { type LogState, msOf } from "@quanji/chaincode/domain";

export interface Head {
  readonly size: number;
  /** Root over `size` leaves, base64url. */
  readonly root: string;
  /** Time of the log's last record, or of its creation. */
  readonly timeMs: number;
}

export class LogHead {
  readonly #read: () => Promise<LogState | undefined>;
  #current: Head | undefined;

  /** `read` answers what the read model knows of the log; undefined if it knows none, or cannot be asked. */
  constructor(read: () => Promise<LogState | undefined>) {
    this.#read = read;
  }

  /** Undefined: the log is not known, or not yet. */
  get current(): Head | undefined {
    return this.#current;
  }

  /**
   * Whether the log has grown by what nobody told this object of. Never goes back: a log only grows, and a read model that
   * lags behind a committed result is no news.
   */
  async refresh(): Promise<boolean> {
    const state = await this.#read();
    if (state === undefined || (this.#current !== undefined && this.#current.size >= state.size)) return false;
    const timeMs = Math.max(msOf(state.time), this.#current?.timeMs ?? 0);
    this.#current = { size: state.size, root: state.root, timeMs };
    return true;
  }

  advance(head: Head): void {
    if (this.#current === undefined || head.size > this.#current.size) this.#current = head;
  }

  /** The next batch reads it anew. */
  forget(): void {
    this.#current = undefined;
  }
}
