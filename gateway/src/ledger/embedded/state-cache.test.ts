import { expect } from "chai";
import fc from "fast-check";
import { StateCache } from "./state-cache.js";

/** An entry that tells the block that wrote it and nothing else. */
const entryOf = (block: number): Buffer => Buffer.from(String(block));
const blockOf = (entry: Buffer): number => Number(entry.toString());

describe("the cache of state", () => {
  it("answers any height as the disk would, whatever was read and written before", () => {
    const key = fc.constantFrom("a", "b", "c");
    const action = fc.oneof(
      fc.record({ write: fc.uniqueArray(key), remove: fc.subarray(["a", "b", "c"]) }),
      fc.record({ read: key, behind: fc.nat({ max: 3 }) }),
      // While a block is on disk and not yet known here.
      fc.record({ read: key, ahead: fc.uniqueArray(key) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const written = new Map<string, { readonly block: number; readonly deleted: boolean }[]>();
        let height = 0;
        const cache = new StateCache(height, blockOf);
        const onDisk = (name: string, at: number): Buffer | undefined => {
          const last = written.get(name)?.findLast(({ block }) => block <= at);
          return last === undefined || last.deleted ? undefined : entryOf(last.block);
        };
        const write = (keys: readonly string[], removed: readonly string[] = []): void => {
          height++;
          for (const name of keys) {
            const change = { block: height, deleted: removed.includes(name) };
            written.set(name, [...(written.get(name) ?? []), change]);
          }
        };
        const commit = (keys: readonly string[], removed: readonly string[] = []): void =>
          cache.commit(
            height,
            keys.map((name) => [name, removed.includes(name) ? undefined : entryOf(height)]),
          );
        const compare = (name: string, at: number): void => {
          const found = cache.get(name, at, () => onDisk(name, at));
          expect(found?.toString()).to.equal(onDisk(name, at)?.toString());
        };
        for (const step of actions) {
          if ("write" in step) {
            write(step.write, step.remove);
            commit(step.write, step.remove);
          } else if ("behind" in step) {
            compare(step.read, Math.max(0, height - step.behind));
          } else {
            write(step.ahead);
            compare(step.read, height);
            compare(step.read, height - 1);
            commit(step.ahead);
          }
        }
      }),
    );
  });

  it("reads each key of the newest height from disk once", () => {
    const cache = new StateCache(3, blockOf);
    let loads = 0;
    const load = (): Buffer => {
      loads++;
      return entryOf(2);
    };
    for (const height of [3, 3, 2]) cache.get("a", height, load);
    expect(loads).to.equal(1);
    cache.commit(4, [["a", entryOf(4)]]);
    expect(cache.get("a", 4, load)?.toString()).to.equal("4");
    expect(loads).to.equal(1);
    expect(cache.get("a", 3, load)?.toString()).to.equal("2");
    expect(loads).to.equal(2);
  });

  it("forgets when it is full, and is right still", () => {
    const cache = new StateCache(1, blockOf);
    for (let n = 0; n < 120_000; n++) cache.get(`key ${n}`, 1, () => undefined);
    expect(cache.get("key 0", 1, () => entryOf(1))?.toString()).to.equal("1");
  });
});
