/**
 * What a source's adapter must never forget: which tickets it has served, and how far it has tallied. A LevelDB with synced
 * writes, so that no ticket serves twice over a crash; its lock keeps a second process out.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { Level } from "level";
import { z } from "zod";

/** A resource in a log: what is tallied by itself. */
export interface Stream {
  readonly log: string;
  readonly resource: string;
}

/** A tally that may be on the ledger already. */
export interface Claim {
  readonly from: number;
  readonly to: number;
  readonly served: number;
}

const ClaimSchema = z.strictObject({ from: z.int().min(0), to: z.int().min(1), served: z.int().min(0) });
const DIGITS = 16;

const keys = {
  stream: ({ log, resource }: Stream) => `s|${log}|${resource}`,
  served: ({ log, resource }: Stream, index: number) => `t|${log}|${resource}|${String(index).padStart(DIGITS, "0")}`,
  next: ({ log, resource }: Stream) => `n|${log}|${resource}`,
  claim: ({ log, resource }: Stream) => `c|${log}|${resource}`,
};

export class AdapterMemory {
  readonly #db: Level;
  /** Tickets that are being written down: two requests with one ticket may come at once. */
  readonly #taking = new Set<string>();

  private constructor(db: Level) {
    this.#db = db;
  }

  /** Errors: CONFIG_INVALID · IN_USE (another process), or that the folder cannot be used. */
  static async open(folder: string): Promise<AdapterMemory> {
    const db = new Level(folder);
    try {
      await db.open();
    } catch (cause) {
      const reason = (cause as { readonly cause?: { readonly code?: unknown } }).cause?.code;
      const inUse = reason === "LEVEL_LOCKED";
      const problem = inUse ? "is in use by another adapter: stop it, or choose another folder" : "cannot be used";
      throw new QuanjiError("CONFIG_INVALID", `QUANJI_DATA: ${folder} ${problem}`, {
        field: "QUANJI_DATA",
        cause,
        ...(inUse && { detail: "IN_USE" }),
      });
    }
    return new AdapterMemory(db);
  }

  /** Takes a ticket, once for ever: true once that is on disk; false if it was taken, or lies in what is tallied. */
  async take(stream: Stream, index: number, deliverBeforeMs: number): Promise<boolean> {
    const key = keys.served(stream, index);
    if (this.#taking.has(key)) return false;
    this.#taking.add(key);
    try {
      if (index < ((await this.#next(stream)) ?? 0) || (await this.#get(key)) !== undefined) return false;
      await this.#db.batch(
        [
          { type: "put", key, value: String(deliverBeforeMs) },
          { type: "put", key: keys.stream(stream), value: "" },
        ],
        { sync: true },
      );
      return true;
    } finally {
      this.#taking.delete(key);
    }
  }

  /** Everything that was ever served. */
  async streams(): Promise<readonly Stream[]> {
    const found = await this.#db.keys({ gte: "s|", lt: "s}" }).all();
    return found.map((key) => {
      const [, log = "", resource = ""] = key.split("|");
      return { log, resource };
    });
  }

  /**
   * What is to be tallied of a stream: from where the last tally ended, or from the first ticket ever, to behind the last
   * ticket whose time was over at `beforeMs`. No ticket before it can come any more, for times never decrease in a log.
   * The claim is written down, and stays the same until {@link settle}. Undefined: nothing was served.
   */
  async claim(stream: Stream, beforeMs: number): Promise<Claim | undefined> {
    const kept = await this.#get(keys.claim(stream));
    if (kept !== undefined) return ClaimSchema.parse(JSON.parse(kept));
    let [first, last, served, counted]: [number | undefined, number, number, number] = [undefined, -1, 0, 0];
    for await (const [key, value] of this.#db.iterator(this.#range(stream, Number.MAX_SAFE_INTEGER))) {
      const index = Number(key.slice(-DIGITS));
      first ??= index;
      served++;
      if (Number(value) >= beforeMs) continue;
      last = index;
      counted = served;
    }
    if (first === undefined || last < 0) return undefined;
    const claim = { from: (await this.#next(stream)) ?? first, to: last + 1, served: counted };
    await this.#db.put(keys.claim(stream), JSON.stringify(claim), { sync: true });
    return claim;
  }

  /** The claim stands on the ledger: its tickets need not be kept, for their time is over. */
  async settle(stream: Stream, { to }: Claim): Promise<void> {
    const old = await this.#db.keys(this.#range(stream, to)).all();
    await this.#db.batch(
      [
        ...old.map((key) => ({ type: "del" as const, key })),
        { type: "del", key: keys.claim(stream) },
        { type: "put", key: keys.next(stream), value: String(to) },
      ],
      { sync: true },
    );
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #range(stream: Stream, to: number): { readonly gte: string; readonly lt: string } {
    return { gte: keys.served(stream, 0), lt: keys.served(stream, to) };
  }

  async #next(stream: Stream): Promise<number | undefined> {
    const text = await this.#get(keys.next(stream));
    return text === undefined ? undefined : Number(text);
  }

  /** Undefined if there is no such key, which the library's own type leaves out. */
  #get(key: string): Promise<string | undefined> {
    return this.#db.get(key);
  }
}
