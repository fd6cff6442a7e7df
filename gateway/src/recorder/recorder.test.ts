import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { KnownRecord } from "../readmodel/readmodel.js";
import { createRecorder } from "./create.js";
import type { Item } from "./entry.js";
import { assertSound, deliveryOf, isPermit, outcomes, Trial } from "./fault-table.support.test.js";
import { AGE_MS, TURBULENT_MS } from "./limits.js";
import { grantId, MemoryWorld, ORIGIN, requestOf, seededRandom } from "./memory-world.support.test.js";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sizes = (world: MemoryWorld): number[] => world.turns.map(({ records }) => records);

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isQuanjiError(error)) return `${error.code} ${error.detail ?? ""}`.trim();
    throw error;
  }
  return "recorded";
}

describe("recorder: batches", () => {
  it("gathers for some milliseconds, then while a batch is in flight", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const first = trial.all(trial.requests(3));
    await world.later(4);
    const second = trial.all(trial.requests(2));
    await world.later(6); // the first batch is being endorsed now
    const third = trial.all(trial.requests(4));
    await world.later(10);
    const fourth = trial.all(trial.requests(1));
    await Promise.all([first, second, third, fourth]);
    expect(sizes(world)).to.deep.equal([5, 5]);
    assertSound(trial);
  });

  it("has at most one batch in flight, however much waits", async () => {
    const world = new MemoryWorld({ records: 2 });
    const trial = new Trial(world);
    let inFlight = 0;
    const submit = world.ledger.submit.bind(world.ledger);
    world.ledger.submit = async (transaction) => {
      expect(++inFlight).to.equal(1);
      try {
        return await submit(transaction);
      } finally {
        inFlight--;
      }
    };
    await trial.all(trial.requests(9));
    expect(sizes(world)).to.deep.equal([2, 2, 2, 2, 1]);
  });

  it("is cut by distinct objects before records: order of admission stands", async () => {
    const world = new MemoryWorld({ objects: 5 });
    const trial = new Trial(world);
    // two objects each, and the resource that all share
    await trial.all(trial.requests(5));
    expect(world.turns.map(({ records, objects }) => [records, objects])).to.deep.equal([
      [2, 5],
      [2, 5],
      [1, 3],
    ]);
    expect(trial.acknowledged.map(({ record }) => record)).to.deep.equal(numbers(5));
  });

  it("is cut by bytes", async () => {
    const world = new MemoryWorld({ bytes: 3_000 });
    const trial = new Trial(world);
    await trial.all(trial.requests(7));
    expect(world.turns.length).to.be.greaterThan(2);
    for (const { bytes } of world.turns) expect(bytes).to.be.at.most(3_100);
  });

  it("a full batch does not wait", async () => {
    const world = new MemoryWorld({ records: 4, gatherMs: 60_000 });
    const trial = new Trial(world);
    expect(outcomes(await trial.all(trial.requests(4)))).to.deep.equal(Array(4).fill("recorded"));
    expect(world.turns[0]?.waitedMs).to.equal(0);
  });

  it("denials are records like others, in the same batch as voids and deliveries", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const permit = await trial.recorder.record(world.request());
    const denied = requestOf({ party: "stranger", grant: grantId(999), seq: 0 });
    const unused = requestOf({ party: "stranger", grant: grantId(999), seq: 1, type: "void" });
    const [a, b, c] = await Promise.all([
      trial.recorder.record(denied),
      trial.recorder.record(unused),
      trial.recorder.record(deliveryOf(permit)),
    ]);
    expect([a, b, c].map(({ type, first }) => [type, first])).to.deep.equal([
      ["access", 1],
      ["void", 1],
      ["delivery", 1],
    ]);
    expect(isPermit(a)).to.equal(false);
  });
});

describe("recorder: one request, one record", () => {
  it("offered twice at once shares one promise; offered later gets its record without a submission", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const request = world.request();
    const answers = await Promise.all(numbers(100).map(() => trial.recorder.record(request)));
    expect(new Set(answers).size).to.equal(1);
    expect(await trial.recorder.record(request)).to.equal(answers[0]);
    expect(world.turns).to.have.length(1);
    expect(world.audit().records).to.have.length(1);
  });

  it("a second request with a number that is being recorded is COMMAND_REPLAYED without a submission", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const request = (jti: string) => requestOf({ party: "bank", grant: grantId(1), seq: 0, jti });
    expect(outcomes(await trial.all([request("a"), request("b")]))).to.deep.equal(["recorded", "COMMAND_REPLAYED"]);
    expect(outcomes(await trial.all([request("b")]))).to.deep.equal(["COMMAND_REPLAYED"]);
    expect(sizes(world), "the number was free again, and the chaincode refused it").to.deep.equal([1, 1]);
  });

  it("a second delivery of an access gets the first one's record", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const permit = await trial.recorder.record(world.request());
    const [one, two] = await Promise.all([
      trial.recorder.record(deliveryOf(permit)),
      trial.recorder.record({ ...deliveryOf(permit), outcome: "failed" }),
    ]);
    expect(two).to.equal(one);
    expect(await trial.recorder.record(deliveryOf(permit))).to.equal(one);
  });

  it("an acceptance is recorded once its delivery is, and one of a delivery", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const permit = await trial.recorder.record(world.request());
    const delivery = await trial.recorder.record(deliveryOf(permit));
    const accepting = (): Item => {
      const { jws, request } = world.request();
      return { type: "acceptance", jws, request, delivery };
    };
    const [first, second] = [accepting(), accepting()];
    expect(outcomes(await trial.all([first, first, second]))).to.deep.equal(["recorded", "recorded", "STATE_CONFLICT"]);
    expect(outcomes(await trial.all([second]))).to.deep.equal(["STATE_CONFLICT"]);
    expect(outcomes(await trial.all([first]))).to.deep.equal(["recorded"]);
    await trial.recorder.close();
  });

  it("a result that makes no sense does not stop the log: the head is read anew", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const submit = world.ledger.submit.bind(world.ledger);
    for (const result of ["", "{}", '{"root":"x","size":7}']) {
      world.ledger.submit = async (transaction) => ({ ...(await submit(transaction)), result });
      expect(outcomes(await trial.all(trial.requests(2)))).to.deep.equal(["recorded", "recorded"]);
    }
    assertSound(trial);
  });

  it("G1 a read model that shows another record releases nothing", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const record = world.readModel.record.bind(world.readModel);
    const other = await trial.recorder.record(world.request());
    world.readModel.record = () => Promise.resolve(other);
    expect(outcomes(await trial.all(trial.requests(1)))).to.deep.equal(["INTERNAL"]);
    world.readModel.record = () => Promise.reject(new Error("disk"));
    expect(outcomes(await trial.all(trial.requests(1)))).to.deep.equal(["BEHIND"]);
    world.readModel.record = record;
    expect(outcomes(await trial.all(trial.requests(1)))).to.deep.equal(["recorded"]);
    expect(trial.released).to.have.length(1);
  });
});

describe("recorder: pressure", () => {
  it("more than may wait is NOT_RECORDED at once; deliveries of past permits still find room", async () => {
    const world = new MemoryWorld({ waiting: 4 });
    const trial = new Trial(world);
    await trial.all(trial.requests(4));
    world.always({ kind: "unavailable" });
    const answers = trial.all(trial.requests(6));
    const deliveries = trial.deliverReleased();
    expect(trial.refused, "nobody waits for that").to.have.length(0);
    await world.later(1);
    expect(trial.refused.map(({ code, detail }) => [code, detail])).to.deep.equal(
      numbers(2).map(() => ["NOT_RECORDED", "QUEUE_FULL"]),
    );
    world.always(undefined);
    expect(outcomes(await answers).slice(0, 4)).to.deep.equal(Array(4).fill("recorded"));
    expect(outcomes(await deliveries)).to.deep.equal(Array(4).fill("recorded"));
  });

  it("closing waits for what is under way and refuses what comes", async () => {
    const world = new MemoryWorld({ gatherMs: 60_000 });
    const trial = new Trial(world);
    const under = trial.all(trial.requests(3));
    await world.later(1);
    const closing = trial.recorder.close();
    expect(await codeOf(trial.recorder.record(world.request()))).to.equal("NOT_RECORDED CLOSING");
    await closing;
    expect(outcomes(await under)).to.deep.equal(Array(3).fill("recorded"));
  });

  it("closing ends even if the ledger never answers", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    world.always({ kind: "unavailable" });
    const under = trial.all(trial.requests(3));
    const startedMs = world.time.clock();
    await trial.recorder.close();
    expect(outcomes(await under)).to.deep.equal(Array(3).fill("NOT_RECORDED"));
    expect(world.time.clock() - startedMs).to.be.at.most(AGE_MS + 1_000);
  });

  it("an owner who toggles a grant takes at most one turn in four from all others", async () => {
    const world = new MemoryWorld({ records: 4 });
    const trial = new Trial(world);
    const toggled = world.request();
    world.onEndorsed(() => world.change(toggled));
    const stuck = trial.all([toggled, ...trial.requests(1)]);
    await world.later(500);
    world.turns.length = 0;
    const calm = await trial.all(trial.requests(40));
    expect(outcomes(calm)).to.deep.equal(Array(40).fill("recorded"));
    const turns = world.turns.map(({ troubled }) => troubled);
    expect(turns.filter((troubled) => !troubled)).to.have.length(10);
    expect(turns.filter((troubled) => troubled).length).to.be.within(2, 5);
    expect(world.turns.filter(({ troubled, outcome }) => !troubled && outcome !== "committed")).to.have.length(0);
    world.onEndorsed(undefined);
    expect(outcomes(await stuck)[1]).to.equal("recorded");
    assertSound(trial);
  });

  it("of two grants that were toggled, the one that rests does not wait for the other", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const [restless, resting] = [world.request(), world.request()];
    let changes = 0;
    world.onEndorsed(() => {
      if (++changes <= 2) world.change(resting);
      world.change(restless);
    });
    const answers = trial.all([restless, resting, ...trial.requests(2)]);
    await world.later(400);
    expect(trial.acknowledged).to.have.length(3);
    world.onEndorsed(undefined);
    expect(outcomes(await answers)).to.deep.equal(Array(4).fill("recorded"));
  });

  it("new requests on a toggled grant go apart from the start, and back once it is calm", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const by = (seq: number) => requestOf({ party: "bank", grant: grantId(500), seq });
    const change = (): void => world.ledger.change(`grant:${grantId(500)}`, false);
    change();
    world.onEndorsed(change);
    const first = trial.all([by(0), ...trial.requests(3)]);
    await world.later(200);
    world.onEndorsed(undefined);
    await first;
    world.turns.length = 0;
    await trial.all([by(1), ...trial.requests(3)]);
    expect(world.turns.map(({ troubled, records }) => [troubled, records])).to.have.deep.members([
      [true, 1],
      [false, 3],
    ]);
    await world.later(TURBULENT_MS);
    world.turns.length = 0;
    await trial.all([by(2), ...trial.requests(3)]);
    expect(world.turns.map(({ troubled, records }) => [troubled, records])).to.deep.equal([[false, 4]]);
  });

  it("what waits on a grant goes apart with it", async () => {
    const world = new MemoryWorld({ records: 4 });
    const trial = new Trial(world);
    const by = (seq: number) => requestOf({ party: "bank", grant: grantId(500), seq });
    world.onEndorsed(() => world.ledger.change(`grant:${grantId(500)}`, false));
    const stuck = trial.all([by(0), ...trial.requests(3), by(1), by(2)]);
    await trial.all(trial.requests(2));
    const failed = world.turns.filter(({ troubled, outcome }) => !troubled && outcome === "conflict");
    expect(failed, "the first batch, twice").to.have.length(2);
    world.onEndorsed(undefined);
    expect(outcomes(await stuck)).to.deep.equal(Array(6).fill("recorded"));
  });

  it("a requester whose records are refused again and again is put apart", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const bad = numbers(20).map((seq) => requestOf({ party: "pest", grant: grantId(1), seq, mode: "bad" }));
    const answers = await trial.all([...bad, ...trial.requests(5)]);
    expect(outcomes(answers).slice(-5)).to.deep.equal(Array(5).fill("recorded"));
    const committed = world.turns.findIndex(({ outcome }) => outcome === "committed");
    expect(committed, "five refusals, one turn of the pest's own, then the others").to.be.within(5, 6);
    expect(world.turns[committed]?.records).to.equal(5);
  });

  it("a fault that no record causes is given up after some tries, not after hundreds", async () => {
    const world = new MemoryWorld();
    const trial = new Trial(world);
    const poison = numbers(200).map((n) => requestOf({ party: `p${n}`, grant: grantId(1), seq: 0, mode: "poison" }));
    expect(new Set(outcomes(await trial.all(poison)))).to.deep.equal(new Set(["NOT_RECORDED"]));
    expect(world.turns.length).to.be.lessThan(30);
  });
});

describe("recorder: what an earlier process left", () => {
  it("closes permits without delivery as unknown, once, and never those of its own making", async () => {
    const world = new MemoryWorld();
    const before = new Trial(world);
    await before.all([...before.requests(3), requestOf({ party: "stranger", grant: grantId(999), seq: 0 })]);
    await before.recorder.record(deliveryOf(before.released[0]!));
    const trial = new Trial(world);
    await trial.all(trial.requests(2));
    expect(await trial.recorder.closeUndelivered()).to.equal(2);
    const deliveries = world.audit().records.filter(({ type }) => type === "delivery");
    expect(deliveries.map(({ request }) => request)).to.have.members(
      before.released.map(({ stored }) => (JSON.parse(stored.body) as { request: string }).request),
    );
    const unknown = deliveries.filter(({ body }) => (JSON.parse(body) as { outcome: string }).outcome === "unknown");
    expect(unknown).to.have.length(2);
    await trial.deliverReleased();
    assertSound(trial);
  });

  it("what cannot be closed stays open for the next time", async () => {
    const world = new MemoryWorld();
    await new Trial(world).recorder.record(world.request());
    const trial = new Trial(world);
    world.always({ kind: "policy" });
    expect(await trial.recorder.closeUndelivered()).to.equal(0);
    expect(world.alarms).to.include("permits stay without a delivery for now");
    world.always(undefined);
    expect(await trial.recorder.closeUndelivered()).to.equal(1);
  });
});

describe("recorder: what it tells", () => {
  it("G8 nothing of a request reaches the log, whatever happens to it", async () => {
    const world = new MemoryWorld();
    const lines: string[] = [];
    const note = (facts: object, message: string): void => void lines.push(JSON.stringify({ ...facts, message }));
    const recorder = createRecorder({
      ledger: world.ledger,
      readModel: world.readModel,
      log: ORIGIN,
      clock: world.time.clock,
      random: seededRandom("log"),
      pause: world.time.pause,
      logger: { warn: note, error: note },
    });
    const secrets: string[] = [];
    const steps = [
      ["good", { kind: "lost" }],
      ["poison", undefined],
      ["bad", undefined],
      ["good", { kind: "policy" }],
      ["good", { kind: "mismatch" }],
      ["good", { kind: "conflict" }],
    ] as const;
    for (const [kind, fault] of steps) {
      if (fault !== undefined) world.script(fault);
      const request = world.request(kind);
      secrets.push(request.request, request.jws.payload, request.jws.signature);
      const work: Promise<KnownRecord | undefined> = recorder.record(request).catch(() => undefined);
      await Promise.race([work, world.later(4_000)]);
    }
    await recorder.close();
    expect(lines).to.have.length(3);
    for (const secret of [...secrets, "party-", "019360c2", "res/weather"]) {
      expect(lines.filter((line) => line.includes(secret))).to.deep.equal([]);
    }
  });
});
