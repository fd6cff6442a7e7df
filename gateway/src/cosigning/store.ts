/**
 * Checkpoints that reached the quorum, on disk before anything rests on them: a receipt that was `cosigned` once never is less
 * afterwards. One note a log and size, to which cosignatures are only ever added, each witness's first one: the earlier it saw a
 * record, the more it proves. Beside them, of each log the newest with the newest times: what shows that nothing followed. Of
 * old ones only so many are kept as `thinning.ts` says; of each record there stays one that holds it.
 */
import type { Level as EvidenceLevel } from "@quanji/client/verify";
import {
  formatNote,
  type Hash,
  type NoteSignature,
  parseCheckpoint,
  parseNote,
  type SignedNote,
} from "@quanji/chaincode/log";
import { Level } from "level";
import { firstCosignedMs, isSpare } from "./thinning.js";

export interface CosignedCheckpoint {
  readonly size: number;
  readonly root: Hash;
  /** The log's signature and the cosignatures. */
  readonly note: string;
}

export interface CosignedStoreOptions {
  readonly folder: string;
  /** What the signatures on a note of this log amount to, by the trust file in use. */
  readonly levelOf: (note: SignedNote, origin: string) => Promise<EvidenceLevel>;
}

const fixed = (value: number): string => String(value).padStart(16, "0");
const freshKey = (origin: string): string => `f|${origin}`;
const keyOf = (origin: string, size: number): string => `n|${origin}|${fixed(size)}`;
const NOTES = { gt: "n|", lt: "n}" } as const;
const originOf = (key: string): string => key.slice("n|".length, key.lastIndexOf("|"));

/** Deleted in one go. */
const AT_ONCE = 1_000;

/** Notes below the quorum that are remembered for each log: a witness that is that far behind is asked for the newest anyway. */
const MAX_PARTIAL = 64;

export class CosignedStore {
  readonly #db: Level;
  readonly #options: CosignedStoreOptions;
  /** By origin: note texts below the quorum, by size, oldest first. */
  readonly #partial = new Map<string, Map<number, SignedNote>>();
  #line: Promise<unknown> = Promise.resolve();

  private constructor(db: Level, options: CosignedStoreOptions) {
    this.#db = db;
    this.#options = options;
  }

  static async open(options: CosignedStoreOptions): Promise<CosignedStore> {
    const db = new Level(options.folder);
    await db.open();
    return new CosignedStore(db, options);
  }

  /**
   * Adds a cosignature that was checked to a checkpoint that the log signed. Answers whether the quorum is reached now, which
   * is on disk then.
   */
  add(signed: string, cosignature: NoteSignature): Promise<boolean> {
    // One at a time: two that are added at once would each overwrite the other's.
    const turn = this.#line.then(() => this.#add(parseNote(signed), cosignature));
    this.#line = turn.catch(() => undefined);
    return turn;
  }

  async #add(plain: SignedNote, cosignature: NoteSignature): Promise<boolean> {
    const { origin, size } = parseCheckpoint(plain.text);
    const stored = await this.#stored(origin, size);
    const before = stored ?? this.#partialOf(origin).get(size) ?? plain;
    if (before.text !== plain.text) throw new TypeError(`two checkpoints of ${origin} at size ${size}`);
    const known = before.signatures.some((line) => !isNot(cosignature)(line));
    const note = known ? before : { text: before.text, signatures: [...before.signatures, cosignature] };
    const reached = (await this.#options.levelOf(note, origin)) === "cosigned";
    if (reached) {
      if (!known) await this.#db.put(keyOf(origin, size), formatNote(note), { sync: true });
      await this.#refresh(origin, note, cosignature);
      for (const known of this.#partialOf(origin).keys()) if (known <= size) this.#partialOf(origin).delete(known);
    } else this.#keepPartial(origin, size, note);
    return reached;
  }

  /** The first checkpoint that holds the record at `index`: the same, until it is thinned and a later one takes its place. */
  async covering(origin: string, index: number): Promise<CosignedCheckpoint | undefined> {
    return this.#one({ gt: keyOf(origin, index), lt: keyOf(origin, Number.MAX_SAFE_INTEGER) });
  }

  /** The largest one, each witness's signature the newest. */
  async newest(origin: string): Promise<CosignedCheckpoint | undefined> {
    return this.#one({ gte: freshKey(origin), lte: freshKey(origin) });
  }

  /**
   * Forgets old checkpoints for which a larger one stands. Answers how many. Whatever is covered stays covered, at every moment:
   * none goes before its successor is there. Cosignatures may be added meanwhile.
   */
  async thin(nowMs: number, signal?: AbortSignal): Promise<number> {
    let before: { readonly key: string; readonly timeMs: number | undefined } | undefined;
    let spare: string[] = [];
    let count = 0;
    const forget = async (): Promise<void> => {
      await this.#db.batch(spare.map((key) => ({ type: "del", key })));
      count += spare.length;
      spare = [];
    };
    for await (const [key, text] of this.#db.iterator(NOTES)) {
      if (signal?.aborted === true) break;
      const timeMs = firstCosignedMs(parseNote(text).signatures);
      const isNext = before !== undefined && originOf(before.key) === originOf(key);
      if (isNext && before?.timeMs !== undefined && timeMs !== undefined && isSpare(before.timeMs, timeMs, nowMs)) {
        spare.push(before.key);
        if (spare.length >= AT_ONCE) await forget();
      }
      before = { key, timeMs };
    }
    await forget();
    return count;
  }

  close(): Promise<void> {
    return this.#line.then(
      () => this.#db.close(),
      () => this.#db.close(),
    );
  }

  async #refresh(origin: string, note: SignedNote, cosignature: NoteSignature): Promise<void> {
    const text = (await this.#db.get(freshKey(origin))) as string | undefined;
    const fresh = text === undefined ? undefined : parseNote(text);
    if (fresh !== undefined && parseCheckpoint(fresh.text).size > parseCheckpoint(note.text).size) return;
    const before = fresh?.text === note.text ? fresh : note;
    const signatures = [...before.signatures.filter(isNot(cosignature)), cosignature];
    await this.#db.put(freshKey(origin), formatNote({ text: note.text, signatures }));
  }

  async #stored(origin: string, size: number): Promise<SignedNote | undefined> {
    const text = (await this.#db.get(keyOf(origin, size))) as string | undefined;
    return text === undefined ? undefined : parseNote(text);
  }

  async #one(range: { gt?: string; gte?: string; lt?: string; lte?: string }): Promise<CosignedCheckpoint | undefined> {
    const [note] = await this.#db.values({ ...range, limit: 1 }).all();
    if (note === undefined) return undefined;
    const { size, root } = parseCheckpoint(parseNote(note).text);
    return { size, root, note };
  }

  #partialOf(origin: string): Map<number, SignedNote> {
    const notes = this.#partial.get(origin) ?? new Map<number, SignedNote>();
    this.#partial.set(origin, notes);
    return notes;
  }

  #keepPartial(origin: string, size: number, note: SignedNote): void {
    const notes = this.#partialOf(origin);
    notes.set(size, note);
    const [oldest] = notes.keys();
    if (notes.size > MAX_PARTIAL && oldest !== undefined) notes.delete(oldest);
  }
}

const isNot =
  ({ name, id }: NoteSignature) =>
  (other: NoteSignature): boolean =>
    other.name !== name || other.id !== id;
