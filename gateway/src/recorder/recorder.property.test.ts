import { expect } from "chai";
import fc from "fast-check";
import { assertRefusedAbsent, assertSound, deliveryOf, Trial } from "./fault-table.support.test.js";
import { AGE_MS } from "./limits.js";
import type { Fault } from "./memory-ledger.support.test.js";
import { grantId, MemoryWorld, requestOf } from "./memory-world.support.test.js";
import type { RequestToRecord } from "./recorder.js";

type Action =
  | { readonly do: "offer"; readonly party: number; readonly grant: number; readonly mode: string }
  | { readonly do: "again"; readonly which: number }
  /** Another request with a number that was used before. */
  | { readonly do: "sameNumber"; readonly which: number }
  | { readonly do: "deliver"; readonly which: number }
  | { readonly do: "change"; readonly grant: number; readonly suspended: boolean }
  | { readonly do: "later"; readonly ms: number }
  | { readonly do: "fault"; readonly fault: Fault }
  | { readonly do: "lag"; readonly ms: number }
  | { readonly do: "restart" };

const small = fc.nat({ max: 3 });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("offer" as const),
      party: small,
      grant: small,
      mode: fc.constantFrom("normal", "normal", "normal", "normal", "normal", "normal", "bad", "poison"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("again" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sameNumber" as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("deliver" as const), which: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("change" as const), grant: small, suspended: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("later" as const),
      ms: fc.oneof(fc.nat(40), fc.nat(4_000), fc.nat(40_000)),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      fault: fc.oneof<fc.Arbitrary<Fault>[]>(
        fc.record({
          kind: fc.constantFrom(
            "mismatch" as const,
            "headMoved" as const,
            "lost" as const,
            "answerLost" as const,
            "conflict" as const,
            "policy" as const,
            "unavailable" as const,
          ),
        }),
        fc.record({ kind: fc.constant("late" as const), ms: fc.oneof(fc.nat(5_000), fc.nat(45_000)) }),
        fc.record({ kind: fc.constant("broken" as const), committed: fc.boolean() }),
        fc.record({ kind: fc.constant("slow" as const), ms: fc.nat(500) }),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("lag" as const), ms: fc.constantFrom(0, 1, 50, 2_000, Infinity) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

const plays = fc.record({
  actions: fc.array(action, { minLength: 1, maxLength: 60, size: "max" }),
  restarted: fc.boolean(),
});

/** Plays the actions; answers what was offered to processes that still live, in the end all of it. */
class Play {
  readonly world = new MemoryWorld({ records: 4, objects: 6, waiting: 12 });
  readonly trial = new Trial(this.world);
  readonly #offered: RequestToRecord[] = [];
  readonly #next = new Map<number, number>();
  #answers: Promise<unknown>[] = [];
  #jti = 0;

  async act(action: Action): Promise<void> {
    switch (action.do) {
      case "offer":
        this.#offerNew(action.party, action.grant, action.mode);
        break;
      case "again":
        this.#offer(this.#offered[action.which % this.#offered.length]);
        break;
      case "sameNumber":
        this.#offerSameNumber(action.which);
        break;
      case "deliver":
        this.#deliver(action.which);
        break;
      case "change":
        this.world.ledger.change(`grant:${grantId(action.grant)}`, action.suspended);
        break;
      case "later":
        await this.world.later(action.ms);
        break;
      case "fault":
        this.world.script(action.fault);
        break;
      case "lag":
        this.#lag(action.ms);
        break;
      case "restart":
        this.#answers = []; // nothing is ever answered by a process that was killed
        this.trial.recorder = this.world.start();
        void this.trial.recorder.keepClosing();
        break;
    }
  }

  #offerNew(party: number, grant: number, mode: string): void {
    const seq = this.#next.get(party) ?? 0;
    this.#next.set(party, seq + 1);
    this.#offer(requestOf({ party: `party-${party}`, grant: grantId(grant), seq, mode }));
  }

  #offerSameNumber(which: number): void {
    for (const [party, next] of [...this.#next].slice(0, 1)) {
      const jti = String(++this.#jti);
      this.#offer(requestOf({ party: `party-${party}`, grant: grantId(0), seq: which % next, jti }));
    }
  }

  #deliver(which: number): void {
    const { released } = this.trial;
    const access = released[which % released.length];
    if (access !== undefined) this.#answers.push(this.trial.offer(deliveryOf(access)));
  }

  #offer(request: RequestToRecord | undefined): void {
    if (request === undefined) return;
    this.#offered.push(request);
    this.#answers.push(this.trial.offer(request));
  }

  #lag(ms: number): void {
    this.world.readModelLag(ms);
    if (ms === 0) this.world.readModelCatchUp();
  }

  /**
   * All is well again: everybody is answered, those who hold a permit deliver, and what else is open is closed in time, by the
   * process that runs or by a new one.
   */
  async end(restarted: boolean): Promise<void> {
    this.world.ledger.faults.length = 0;
    this.#lag(0);
    await Promise.all(this.#answers);
    await this.world.later(2 * AGE_MS); // whatever is under way to the orderers has arrived
    if (restarted) this.trial.recorder = this.world.start();
    else await this.trial.deliverReleased();
    await this.world.later(AGE_MS);
    await this.trial.recorder.closeUndelivered();
    await this.trial.recorder.close();
  }
}

describe("recorder: random interleavings of items, faults and delays", () => {
  it("released ⊆ recorded, acknowledged ⊆ recorded, nothing twice, the log re-derives; everybody is answered", async () => {
    let recorded = 0;
    await fc.assert(
      fc.asyncProperty(plays, async ({ actions, restarted }) => {
        const play = new Play();
        void play.trial.recorder.keepClosing();
        for (let grant = 0; grant < 3; grant++) play.world.ledger.change(`grant:${grantId(grant)}`, false);
        play.world.readModelCatchUp();
        for (const next of actions) await play.act(next);
        await play.end(restarted);
        assertSound(play.trial);
        const { records } = play.world.audit();
        const permits = records.filter((_, i) => play.world.isPermitAt(i));
        const delivered = records.filter(({ type }) => type === "delivery");
        expect(delivered, "each permit is accounted for").to.have.length(permits.length);
        assertRefusedAbsent(play.trial);
        recorded += records.length;
      }),
      { numRuns: 200 },
    );
    expect(recorded, "the property is not empty").to.be.greaterThan(500);
  });
});
