/** Values as they stood after each of the newest blocks, in a LevelDB; what is overtaken for long enough is forgotten. */
import type { Level } from "level";

type Batch = ReturnType<Level["batch"]>;

/** Numbers sort as their texts. */
export const fixed = (value: number): string => String(value).padStart(16, "0");

const versionKey = (name: string, block: number): string => `v|${name}|${fixed(block)}`;
/** Block that changed a name last. */
const lastKey = (name: string): string => `l|${name}`;
/** A version that a later block has overtaken. */
const overtakenKey = (by: number, name: string): string => `o|${fixed(by)}|${name}`;

/** Of a key that was deleted; no value begins so. */
const GONE = "-";

export class Versions {
  readonly #db: Level;
  readonly #horizon: number;

  /** @param horizon number of newest blocks after each of which every value is known */
  constructor(db: Level, horizon: number) {
    this.#db = db;
    this.#horizon = horizon;
  }

  /** Value after block `block`, which must lie within the horizon; undefined if there was none. */
  async at(name: string, block: number): Promise<string | undefined> {
    const range = { gte: versionKey(name, 0), lte: versionKey(name, block), reverse: true, limit: 1 };
    const [newest] = await this.#db.values(range).all();
    return newest === GONE ? undefined : newest;
  }

  /** Adds what block `block` changed to a batch, and takes out what nobody can ask for any more. Undefined: deleted. */
  async put(batch: Batch, block: number, changed: ReadonlyMap<string, string | undefined>): Promise<void> {
    const names = [...changed.keys()];
    const before = names.length === 0 ? [] : await this.#db.getMany(names.map(lastKey));
    names.forEach((name, i) => {
      batch.put(versionKey(name, block), changed.get(name) ?? GONE).put(lastKey(name), String(block));
      const last = before[i];
      if (last !== undefined) batch.put(overtakenKey(block, name), last);
    });
    // A version that block n overtook is what stood after block n − 1, so it goes when that one leaves the horizon.
    const spent = { gte: overtakenKey(0, ""), lt: overtakenKey(Math.max(0, block - this.#horizon + 1), "") };
    for await (const [key, last] of this.#db.iterator(spent)) {
      const name = key.slice(overtakenKey(0, "").length);
      batch.del(key).del(versionKey(name, Number(last)));
    }
  }
}
