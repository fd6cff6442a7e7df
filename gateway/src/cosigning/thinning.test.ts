import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  consistencyProof,
  cosignNote,
  inclusionProof,
  NOTE_TYPES,
  openCheckpoint,
  parseNote,
  verifyConsistency,
  verifyInclusion,
} from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import fc from "fast-check";
import { History, logSigner, ORIGIN, seededSigner } from "../witness/testing/trees.js";
import { CosignedStore } from "./store.js";
import { firstCosignedMs, isSpare, Thinner, TIERS } from "./thinning.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = 1_800_000_000_000;

/** As a store thins: each is held against the next that is there. */
const thinned = (times: readonly number[], nowMs: number): number[] =>
  times.filter((time, i) => i === times.length - 1 || !isSpare(time, times[i + 1]!, nowMs));

/** Ages that fall into every tier, close to its edges too. */
const age = fc.oneof(
  fc.integer({ min: 0, max: 2 * HOUR }),
  fc.integer({ min: 0, max: 2 * DAY }),
  fc.integer({ min: 0, max: 400 * DAY }),
  fc.constantFrom(HOUR, DAY, 90 * DAY).chain((edge) => fc.integer({ min: edge - 2 * MINUTE, max: edge + 2 * MINUTE })),
);
const rising = fc
  .array(age, { minLength: 1, maxLength: 200 })
  .map((ages) => ages.map((ms) => NOW - ms).sort((a, b) => a - b));

describe("G6 thinning of cosigned checkpoints", () => {
  it("leaves of each record one that holds it, no later than the end of its tier's stretch", () => {
    fc.assert(
      fc.property(rising, (times) => {
        const left = thinned(times, NOW);
        expect(left.at(-1)).to.equal(times.at(-1));
        for (const time of times) {
          const { everyMs = 0 } = TIERS.find(({ untilMs }) => NOW - time < untilMs) ?? {};
          const holds = left.find((one) => one >= time) ?? Infinity;
          expect(everyMs === 0 ? holds - time : Math.floor(holds / everyMs) - Math.floor(time / everyMs)).to.equal(0);
        }
      }),
    );
  });

  it("now and then comes to the same as once in the end: what is kept does not tell when somebody looked", () => {
    const looks = fc
      .array(fc.integer({ min: 0, max: 200 * DAY }), { maxLength: 5 })
      .map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(rising, looks, (times, later) => {
        const last = NOW + (later.at(-1) ?? 0);
        const often = [0, ...later].reduce((left, ms) => thinned(left, NOW + ms), times);
        expect(often).to.deep.equal(thinned(times, last));
      }),
    );
  });

  it("grows by one a day in the end, however busy the log", () => {
    const times: number[] = [];
    // A checkpoint each second for a day, and each ten minutes for 399 days before.
    for (let ms = 400 * DAY; ms > DAY; ms -= 10 * MINUTE) times.push(NOW - ms);
    for (let ms = DAY; ms >= 0; ms -= 1_000) times.push(NOW - ms);
    const left = thinned(times, NOW);
    const between = (young: number, old: number): number =>
      left.filter((time) => NOW - time >= young && NOW - time < old).length;
    expect(between(0, HOUR)).to.equal(3_600);
    expect(between(HOUR, DAY)).to.be.within(23 * 60, 23 * 60 + 1);
    expect(between(DAY, 90 * DAY)).to.be.within(89 * 24, 89 * 24 + 1);
    expect(between(90 * DAY, Infinity)).to.be.within(310, 311);
  });

  describe("in a store", () => {
    const honest = History.honest();
    const WITNESSES = ["a", "b", "c"].map((name) => seededSigner(`${name}.test/w`, NOTE_TYPES.cosignature));
    const verify = nodeVerifier();
    const node = (level: number, index: number) => honest.node(level, index);
    let folder: string;
    let store: CosignedStore;
    beforeEach(async () => {
      folder = await mkdtemp(path.join(tmpdir(), "quanji-cosigned-"));
      store = await CosignedStore.open({
        folder,
        levelOf: ({ signatures }) => Promise.resolve(signatures.length > 2 ? "cosigned" : "committed"),
      });
    });
    afterEach(async () => {
      await store.close();
      await rm(folder, { recursive: true });
    });
    /** By two witnesses, the second some seconds later. */
    const cosigned = async (size: number, timeMs: number): Promise<void> => {
      const { text } = await honest.note(size);
      for (const [i, { key, sign }] of WITNESSES.slice(0, 2).entries()) {
        await store.add(
          await honest.checkpoint(size),
          await cosignNote(text, key, Math.floor(timeMs / 1000) + 3 * i, sign),
        );
      }
    };
    /** The one that a record rests on, with every proof that a receipt or an upgraded one needs of it. */
    const covering = async (record: number, grownFrom: readonly number[]): Promise<number> => {
      const { note = "", size = 0, root } = (await store.covering(ORIGIN, record)) ?? {};
      const { checkpoint, cosigners } = await openCheckpoint(
        note,
        [logSigner.key],
        WITNESSES.map(({ key }) => key),
        verify,
      );
      expect([checkpoint.size, checkpoint.root, cosigners.length]).to.deep.equal([size, root, 2]);
      const proof = await inclusionProof(record, size, node);
      verifyInclusion({ index: record, size, leaf: honest.node(0, record), root: checkpoint.root, proof });
      for (const from of grownFrom.filter((one) => one <= size)) {
        const grown = await consistencyProof(from, size, node);
        verifyConsistency({ from, to: size, fromRoot: honest.root(from), toRoot: checkpoint.root, proof: grown });
      }
      return size;
    };

    it("every record stays covered and provable, and every older checkpoint is shown to have grown into what is kept", async () => {
      const sizes = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
      const looks = fc.array(fc.integer({ min: 0, max: 200 * DAY }), { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(sizes, fc.array(age, { minLength: 12, maxLength: 12 }), looks, async (some, ages, later) => {
          await store.close();
          await rm(folder, { recursive: true });
          store = await CosignedStore.open({
            folder,
            levelOf: ({ signatures }) => Promise.resolve(signatures.length > 2 ? "cosigned" : "committed"),
          });
          const rising = some.sort((a, b) => a - b);
          const times = ages.map((ms) => NOW - ms).sort((a, b) => a - b);
          for (const [i, size] of rising.entries()) await cosigned(size, times[i]!);
          const newest = await store.newest(ORIGIN);
          for (const ms of later.sort((a, b) => a - b)) {
            await store.thin(NOW + ms);
            for (let record = 0; record < rising.at(-1)!; record++) await covering(record, rising);
            expect(await store.newest(ORIGIN)).to.deep.equal(newest);
          }
        }),
        { numRuns: 25 },
      );
    });

    it("forgets what a later one of the same minute stands for, and says how many; of each log apart", async () => {
      for (const [size, second] of [
        [3, 0],
        [5, 20],
        [9, 40],
        [12, 60],
      ] as const)
        await cosigned(size, NOW + second * 1_000);
      expect(await store.thin(NOW + HOUR - 1)).to.equal(0);
      expect(await covering(2, [])).to.equal(3);
      expect(await store.thin(NOW + 2 * HOUR)).to.equal(2);
      expect([await covering(2, [3]), await covering(8, [3]), await covering(9, [3])]).to.deep.equal([9, 9, 12]);
      expect(await store.thin(NOW + 2 * HOUR)).to.equal(0);
      expect(await store.thin(NOW + 365 * DAY)).to.equal(1);
      expect(await covering(0, [3])).to.equal(12);
    });

    it("takes a signature that comes late for one that is forgotten, without harm", async () => {
      for (const size of [3, 5]) await cosigned(size, NOW);
      await store.thin(NOW + 2 * HOUR);
      const { text } = await honest.note(3);
      const { key, sign } = WITNESSES[2]!;
      const late = await cosignNote(text, key, Math.floor(NOW / 1000) + 9, sign);
      expect(await store.add(await honest.checkpoint(3), late)).to.equal(false);
      expect(await covering(0, [3])).to.equal(5);
    });

    it("is given up where the gateway ends", async () => {
      for (const size of [3, 5]) await cosigned(size, NOW);
      expect(await store.thin(NOW + 2 * HOUR, AbortSignal.abort())).to.equal(0);
      expect(await covering(0, [])).to.equal(3);
    });

    it("knows when a note was first cosigned, not by its log's own signature", async () => {
      await cosigned(3, NOW);
      const { signatures } = parseNote((await store.covering(ORIGIN, 0))?.note ?? "");
      expect(firstCosignedMs(signatures)).to.equal(NOW);
      expect(firstCosignedMs(signatures.filter(({ name }) => name === ORIGIN))).to.equal(undefined);
    });
  });

  it("is done at the start and then each hour, goes on after a fault, and ends with the gateway", async () => {
    const [thinnedAt, faults, pauses]: [number[], unknown[], number[]] = [[], [], []];
    let nowMs = NOW;
    let wake: () => void = () => undefined;
    let asked: () => void = () => undefined;
    const resting = (): Promise<void> => new Promise((resolve) => (asked = resolve));
    const thinner = new Thinner({
      store: {
        thin: (at) => {
          thinnedAt.push(at);
          return at === NOW ? Promise.reject(new Error("the disk is full")) : Promise.resolve(0);
        },
      },
      clock: () => nowMs,
      rest: (ms, signal) =>
        new Promise((resolve) => {
          pauses.push(ms);
          wake = resolve;
          signal?.addEventListener("abort", () => resolve(), { once: true });
          asked();
        }),
      report: (error) => faults.push(error),
    });
    const first = resting();
    thinner.start();
    await first;
    nowMs += HOUR;
    const second = resting();
    wake();
    await second;
    await thinner.close();
    expect([thinnedAt, faults.length, pauses]).to.deep.equal([[NOW, NOW + HOUR], 1, [HOUR, HOUR]]);
  });
});
