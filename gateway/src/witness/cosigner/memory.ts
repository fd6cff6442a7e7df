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

/** The newest block of which a block note was signed. */
export interface Told extends Spoken {
  /** Base64url, or `none`. */
  readonly commit: string;
}

const ToldSchema = SpokenSchema.extend({ commit: z.string() });
const TOLD = "told";

/** What another witness said of a block and this one's peer has otherwise. */
export interface Dispute {
  readonly block: number;
  /** Signed block notes: this witness's and the other's. */
  readonly own: string;
  readonly theirs: string;
  /** Orderers have signed both blocks: nobody's word is needed. */
  readonly proven: boolean;
  /** Names of the evidence files that were made of it. */
  readonly files: readonly string[];
}

const DisputeSchema = z.strictObject({
  block: z.int().min(0),
  own: z.string(),
  theirs: z.string(),
  proven: z.boolean(),
  files: z.array(z.string()),
});

const disputeKey = (witness: string): string => `dispute/${witness}`;
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
  spoken(): Promise<Spoken | undefined> {
    return this.#one(SPOKEN, SpokenSchema, "head notes");
  }

  /** Resolves once it is on disk. */
  speak(spoken: Spoken): Promise<void> {
    return this.#db.put(SPOKEN, JSON.stringify(spoken), { sync: true });
  }

  /** Errors: INTERNAL · WITNESS_STATE. */
  told(): Promise<Told | undefined> {
    return this.#one(TOLD, ToldSchema, "block notes");
  }

  /** Resolves once it is on disk. */
  tell(told: Told): Promise<void> {
    return this.#db.put(TOLD, JSON.stringify(told), { sync: true });
  }

  /** By the name of the other witness's key. Errors: INTERNAL · WITNESS_STATE. */
  async disputes(): Promise<ReadonlyMap<string, Dispute>> {
    const disputes = new Map<string, Dispute>();
    for await (const [key, text] of this.#db.iterator({ gte: "dispute/", lt: "dispute0" })) {
      disputes.set(key.slice("dispute/".length), read(DisputeSchema, text, "other witnesses' blocks"));
    }
    return disputes;
  }

  /** Resolves once it is on disk. */
  dispute(witness: string, dispute: Dispute): Promise<void> {
    return this.#db.put(disputeKey(witness), JSON.stringify(dispute), { sync: true });
  }

  /** Origins of which something is held. */
  async origins(): Promise<readonly string[]> {
    const keys = await this.#db.keys({ gte: "held/", lt: "held0" }).all();
    return keys.map((key) => key.slice("held/".length));
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async #one<T>(key: string, schema: z.ZodType<T>, what: string): Promise<T | undefined> {
    const text = await valueOf(this.#db, key);
    return text === undefined ? undefined : read(schema, text, what);
  }
}

function read<T>(schema: z.ZodType<T>, text: string, what: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(what, cause);
  }
}
