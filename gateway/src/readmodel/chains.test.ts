import type { HashText } from "@quanji/chaincode/log";
import { PUBLIC_SALT } from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { Chains } from "./chains.js";
import { Lru } from "./lru.js";
import { Changes, Store } from "./store.js";
import { Bench, collect } from "./support.test.js";

describe("the index's chains", () => {
  const bench = new Bench();
  let store: Store;
  let number = 0;

  before(async () => {
    store = await Store.open(await bench.folder());
  });
  after(async () => {
    await store.close();
    await bench.clean();
  });

  /** Segments of these lengths; the record at position i has index 2i and time `times[i]`. */
  async function fill(lengths: readonly number[], times: readonly number[]) {
    const key = { scope: "log", kind: "party" as const, id: `party ${number++}` };
    const chains = new Chains(store);
    const changes = new Changes(store);
    let n = 0;
    for (const [block, length] of lengths.entries()) {
      const records = Array.from({ length }, (_, i) => [(n + i) * 2, times[n + i] ?? 0] as const);
      const first = n;
      n += length;
      const head = { h: "h" as HashText, n, salt: PUBLIC_SALT };
      chains.file(changes, chains.names(key, undefined).start, first, { block: block * 10, head, records });
    }
    await store.write(changes);
    return { chains, key };
  }

  const shape = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 12 }).chain((lengths) => {
    const count = lengths.reduce((sum, length) => sum + length, 0);
    const times = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: count, maxLength: count });
    return fc.tuple(
      fc.constant(lengths),
      times.map((all) => all.sort((a, b) => a - b)),
    );
  });

  it("find the first position at or after a time, as a linear search does", async () => {
    await fc.assert(
      fc.asyncProperty(shape, async ([lengths, times]) => {
        const { chains, key } = await fill(lengths, times);
        for (let time = 0; time <= 21; time++) {
          const linear = times.findIndex((one) => one >= time);
          expect(await chains.positionAt(key, time)).to.equal(linear < 0 ? times.length : linear);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("begin with the segment that holds the position asked for", async () => {
    await fc.assert(
      fc.asyncProperty(shape, fc.nat(70), async ([lengths, times], from) => {
        const { chains, key } = await fill(lengths, times);
        const segments = await collect(chains.segments(key, from));
        const positions = segments.flatMap(({ first, records }) => records.map((_, i) => first + i));
        const wanted = Array.from(times.keys()).filter((position) => position >= from);
        expect(positions.filter((position) => position >= from)).to.deep.equal(wanted);
        expect(positions.length - wanted.length).to.be.lessThan(5 + 1);
      }),
      { numRuns: 40 },
    );
  });

  it("know their head as of any block", async () => {
    const { chains, key } = await fill([1, 2, 3], [0, 0, 0, 0, 0, 0]);
    const lengths = await Promise.all(
      [0, 9, 10, 19, 20, 99].map(async (block) => (await chains.headAt(key, block))?.n),
    );
    expect(lengths).to.deep.equal([1, 1, 3, 3, 6, 6]);
    expect((await chains.newest(key))?.head.n).to.equal(6);
  });
});

describe("the bounded map", () => {
  it("keeps the entries used last, and at most twice as many", () => {
    const use = fc.record({ key: fc.integer({ min: 0, max: 12 }), write: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(use, { maxLength: 200 }), (limit, uses) => {
        const map = new Lru<number>(limit);
        const model = new Map<number, number>();
        uses.forEach(({ key, write }, i) => {
          if (write) {
            map.set(String(key), i);
            model.delete(key);
            model.set(key, i);
          } else if (map.get(String(key)) !== undefined) {
            const value = model.get(key) ?? -1;
            model.delete(key);
            model.set(key, value);
          }
          const newest = [...model].slice(-limit);
          for (const [name, value] of newest) expect(map.peek(String(name))).to.equal(value);
          const kept = [...model].filter(([name, value]) => map.peek(String(name)) === value);
          expect(kept.length).to.be.at.most(2 * limit);
          for (const [name, value] of model) expect(map.peek(String(name))).to.be.oneOf([value, undefined]);
        });
      }),
    );
  });
});
