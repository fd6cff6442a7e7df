/**
 * What a witness must never forget: of each log the newest checkpoint that it cosigned, and the newest block of which it stated
 * heads. A LevelDB with synced writes, so that
 * a power cut after the answer cannot make it sign another tree; its lock keeps a second process out.
 */
import { QuanjiError } from "@quanji/chaincode/domain";
import { type HashText, parseCheckpoint, parseNote } from "@quanji/chaincode/log";
import { Level } from "level";
import { z } from "zod";

/** A checkpoint, once it is cosigned. */
export interface Held {
  readonly size: number;
  /** Base64url. */
  readonly root: HashText;
  /** Signed note: the log's signatures, then the witness's newest. */
  readonly note: string;
  /** Of the newest cosignature, seconds since 1970. */
  readonly time: number;
}

const HeldSchema = z.strictObject({ size: z.int().min(0), root: z.string(), note: z.string(), time: z.int().min(0) });

/** The newest block of which a head note was signed: it names the ledger. */
export interface Spoken {
  readonly block: number;
  /** Header hash, base64url. */
  readonly hash: string;
}

const SpokenSchema = z.strictObject({ block: z.int().min(0), hash: z.string() });
const SPOKEN = "spoken";

const keyOf = (origin: string): string => `held/${origin}`;
const damaged = (origin: string, cause?: unknown): QuanjiError =>
  new QuanjiError(
    "INTERNAL",
    `what this witness holds of ${origin} is damaged: restore it, and sign nothing until then`,
    {
      detail: "WITNESS_STATE",
      cause,
    },
  );

/** Undefined if there is no such key, which the library's own type leaves out. */
export const valueOf = (db: Level, key: string): Promise<string | undefined> => db.get(key);

export class WitnessMemory {
  readonly #db: Level;

  private constructor(db: Level) {
    this.#db = db;
  }

  /** Errors: CONFIG_INVALID · IN_USE (another process), or that the folder cannot be used. */
  static async open(folder: string): Promise<WitnessMemory> {
    const db = new Level(folder);
    try {
      await db.open();
    } catch (cause) {
      const reason = (cause as { readonly cause?: { readonly code?: unknown } }).cause?.code;
      const inUse = reason === "LEVEL_LOCKED";
      throw new QuanjiError(
        "CONFIG_INVALID",
        `QUANJI_DATA: ${folder} ${inUse ? "is in use by another witness: stop it, or choose another folder" : "cannot be used"}`,
        { field: "QUANJI_DATA", cause, ...(inUse && { detail: "IN_USE" }) },
      );
    }
    return new WitnessMemory(db);
  }

  /** Errors: INTERNAL · WITNESS_STATE if the value is not one that this class wrote. */
  async held(origin: string): Promise<Held | undefined> {
    const text = await valueOf(this.#db, keyOf(origin));
    if (text === undefined) return undefined;
    try {
      const held = HeldSchema.parse(JSON.parse(text)) as Held;
      const checkpoint = parseCheckpoint(parseNote(held.note).text);
      if (checkpoint.origin === origin && checkpoint.size === held.size) return held;
    } catch (cause) {
      throw damaged(origin, cause);
    }
    throw damaged(origin);
  }

  /** Resolves once it is on disk. */
  hold(origin: string, held: Held): Promise<void> {
    return this.#db.put(keyOf(origin), JSON.stringify(held), { sync: true });
  }

  /** Errors: INTERNAL · WITNESS_STATE. */
  async spoken(): Promise<Spoken | undefined> {
    const text = await valueOf(this.#db, SPOKEN);
    if (text === undefined) return undefined;
    try {
      return SpokenSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw damaged("head notes", cause);
    }
  }

  /** Resolves once it is on disk. */
  speak(spoken: Spoken): Promise<void> {
    return this.#db.put(SPOKEN, JSON.stringify(spoken), { sync: true });
  }

  /** Origins of which something is held. */
  async origins(): Promise<readonly string[]> {
    const keys = await this.#db.keys({ gte: "held/", lt: "held0" }).all();
    return keys.map((key) => key.slice("held/".length));
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}
