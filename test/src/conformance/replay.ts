/**
 * Contracts for the embedded ledger that run under the transaction id and time which Fabric gave the same transaction. Both
 * stand in what contracts write, and salts derive from the id: only so can every written byte be compared.
 */
import { randomBytes } from "node:crypto";
import type { World } from "@quanji/chaincode/world";

export interface Table {
  readonly name: string;
  readonly functions: Readonly<Record<string, (world: World, ...args: string[]) => Promise<string>>>;
}

export interface Stamp {
  readonly txId: string;
  readonly timestampMs: number;
}

export class Replay {
  #stamp: Stamp = { txId: "", timestampMs: 0 };

  /** @param stamp Fabric's; where no block has the transaction, any will do. */
  next(stamp: Stamp | undefined): void {
    this.#stamp = stamp ?? { txId: randomBytes(32).toString("hex"), timestampMs: Date.now() };
  }

  readonly clock = (): number => this.#stamp.timestampMs;

  contracts(tables: readonly Table[]): readonly Table[] {
    return tables.map(({ name, functions }) => ({
      name,
      functions: Object.fromEntries(
        Object.entries(functions).map(([verb, run]) => [
          verb,
          (world: World, ...args: string[]) => run(this.#stamped(world), ...args),
        ]),
      ),
    }));
  }

  #stamped(world: World): World {
    return {
      ...this.#stamp,
      submitterMsp: world.submitterMsp,
      endorserMsp: world.endorserMsp,
      clock: () => world.clock(),
      transient: (name) => world.transient(name),
      get: (key) => world.get(key),
      put: (key, value) => world.put(key, value),
      getPrivate: (collection, key) => world.getPrivate(collection, key),
      putPrivate: (collection, key, value) => world.putPrivate(collection, key, value),
      purgePrivate: (collection, key) => world.purgePrivate(collection, key),
      setKeyPolicy: (key, allOf) => world.setKeyPolicy(key, allOf),
      emit: (name, payload) => world.emit(name, payload),
    };
  }
}
