import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { type DeliverOptions, deliver, type DeliverySummary } from "./deliver.js";
import { parseObligation } from "./mask.js";
import { sourceFailed } from "./row.js";
import type { Source, SourceRequest } from "./source.js";
import { collect, field, never, plan } from "./support.test.js";

/** A source made by hand; counts what was pulled and whether it was left in order. */
class HandSource implements Source {
  pulled = 0;
  freed = 0;
  readonly #rows: (signal: AbortSignal) => AsyncGenerator;

  constructor(rows: (signal: AbortSignal) => AsyncGenerator) {
    this.#rows = rows;
  }

  async *open(_request: SourceRequest, signal: AbortSignal): AsyncGenerator<never, void> {
    try {
      for await (const row of this.#rows(signal)) {
        this.pulled++;
        yield row as never;
      }
    } finally {
      this.freed++;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const holding = (rows: readonly unknown[], then?: () => unknown): HandSource =>
  new HandSource(async function* () {
    for (const row of rows) {
      await Promise.resolve();
      yield row;
    }
    await then?.();
  });

const FIELDS = [field("id"), field("text")];
const options = (source: Source, overrides: Partial<DeliverOptions> = {}): DeliverOptions => ({
  source,
  access: plan({}, { fields: FIELDS, requested: ["id", "text"], rangeField: undefined }),
  obligations: [],
  quantity: 1000,
  onStop: "stop",
  stopCheck: () => Promise.resolve(false),
  signal: never(),
  ...overrides,
});

/** Some 1 KB a row, so that a chunk holds some 32. */
const big = (count: number) => Array.from({ length: count }, (_, i) => ({ id: String(i), text: "x".repeat(1000) }));

interface Result {
  readonly text: string;
  readonly chunks: readonly Uint8Array[];
  readonly summary: DeliverySummary;
}

async function run(source: Source, overrides: Partial<DeliverOptions> = {}): Promise<Result> {
  const delivery = deliver(options(source, overrides));
  const chunks = await collect(delivery);
  return { text: Buffer.concat(chunks).toString("utf8"), chunks, summary: await delivery.summary };
}

/** The account fits the bytes, however the delivery ended. */
function expectAccount(chunks: readonly Uint8Array[], summary: DeliverySummary): void {
  const bytes = Buffer.concat(chunks);
  expect(summary.digest).to.equal(createHash("sha256").update(bytes).digest("base64url"));
  expect(summary.bytes).to.equal(bytes.length);
  expect(summary.rows).to.equal(bytes.toString("utf8").split("\n").length - 1);
}

describe("deliver", () => {
  it("sends the requested fields in their order, one row a line, and accounts for the bytes", async () => {
    const source = holding([{ text: "雨", id: "1", secret: "s" }, { id: "2", text: null }, { id: "3" }]);
    const { text, chunks, summary } = await run(source);
    expect(text).to.equal('{"id":"1","text":"雨"}\n{"id":"2","text":null}\n{"id":"3"}\n');
    expectAccount(chunks, summary);
    expect(summary).to.include({ outcome: "delivered", rows: 3 });
    expect(summary.failure).to.equal(undefined);
  });

  it("an answer without rows is delivered too", async () => {
    const { chunks, summary } = await run(holding([]));
    expect(chunks).to.deep.equal([]);
    expect(summary).to.deep.equal({
      digest: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
      bytes: 0,
      rows: 0,
      outcome: "delivered",
      masked: [],
    });
  });

  it("keeps the obligations before a byte leaves, and states them", async () => {
    const obligations = ["mask:id:1,1", "drop:text", "mask:other"].map(parseObligation);
    const { text, chunks, summary } = await run(holding([{ id: "440301", text: "secret" }]), { obligations });
    expect(text).to.equal('{"id":"4****1"}\n');
    expect(summary.masked).to.deep.equal(["mask:id:1,1", "drop:text"]);
    expectAccount(chunks, summary);
  });

  it("sends chunks of moderate size and pulls no further than it is pulled", async () => {
    const source = holding(big(200));
    const iterator = deliver(options(source))[Symbol.asyncIterator]();
    const first = await iterator.next();
    expect((first.value as Uint8Array).length).to.be.within(16_384, 65_536);
    expect(source.pulled).to.be.lessThan(40);
    await iterator.return?.();
    expect(source.pulled).to.be.lessThan(40);
    expect(source.freed).to.equal(1);
  });

  it("rows and bytes survive whatever text the rows hold", async () => {
    const row = fc.record({
      id: fc.string({ unit: "binary" }),
      text: fc.option(fc.string({ unit: "binary", maxLength: 5000 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
        const { text, chunks, summary } = await run(holding(rows));
        expectAccount(chunks, summary);
        const lines = text.split("\n").slice(0, -1);
        expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal(rows);
      }),
      { numRuns: 50 },
    );
  });
});

describe("deliver: sources that break their promise", () => {
  const cases: [string, string, () => Source][] = [
    ["more rows than are permitted", "TOO_MANY_ROWS", () => holding([{ id: "1" }, { id: "2" }, { id: "3" }])],
    ["a wrong type", "TYPE_MISMATCH", () => holding([{ id: "1" }, { id: 2 }])],
    ["no row", "ROW_INVALID", () => holding([{ id: "1" }, "row"])],
    ["a row of a million characters", "TOO_LARGE", () => holding([{ id: "1" }, { id: "x".repeat(1_048_576) }])],
    [
      "an error of its own",
      "BROKE_OFF",
      () => holding([{ id: "1" }], () => Promise.reject(sourceFailed("cut", "BROKE_OFF"))),
    ],
    ["a defect", "SOURCE_BROKE", () => holding([{ id: "1" }], () => Promise.reject(new TypeError("x is undefined")))],
  ];
  for (const [name, detail, make] of cases) {
    it(`${name} fails the delivery, and of a small answer nothing leaves → ${detail}`, async () => {
      const { chunks, summary } = await run(make(), { quantity: 2 });
      expect(chunks).to.deep.equal([]);
      expect(summary).to.include({ outcome: "failed", bytes: 0, rows: 0 });
      expect([summary.failure?.code, summary.failure?.detail]).to.deep.equal(["SOURCE_FAILED", detail]);
    });
  }

  it("a failure in the middle is partial, with exactly what left", async () => {
    const source = holding(big(100), () => Promise.reject(sourceFailed("cut", "BROKE_OFF")));
    const { chunks, summary } = await run(source);
    expectAccount(chunks, summary);
    expect(summary.outcome).to.equal("partial");
    expect(summary.rows).to.be.within(1, 99);
    expect(summary.failure?.detail).to.equal("BROKE_OFF");
    expect(source.freed).to.equal(1);
  });

  it("over-delivery in the middle of a stream ends it before the row too many leaves", async () => {
    const { text, summary } = await run(holding(big(100)), { quantity: 70 });
    expect(summary.failure?.detail).to.equal("TOO_MANY_ROWS");
    expect(text).to.not.contain('"id":"70"');
  });

  it("frees the source at the first row that is wrong", async () => {
    const source = holding([{ id: 1 }, ...big(1000)]);
    await run(source);
    expect([source.pulled, source.freed]).to.deep.equal([1, 1]);
  });

  it("an obligation that cannot be kept, or a probe of a hidden field: the source is not even opened", async () => {
    const source = holding(big(1));
    const rounding = await run(source, { obligations: [parseObligation("round:text:10")] });
    expect(rounding.summary).to.include({ outcome: "failed", bytes: 0 });
    expect(rounding.summary.failure?.code).to.equal("MALFORMED");
    const query = { where: [{ field: "id", op: "ge", value: "5" }] };
    const access = plan(query, { fields: FIELDS, requested: ["id"], rangeField: undefined });
    const probing = await run(source, { access, obligations: [parseObligation("mask:id")] });
    expect(probing.summary.failure?.detail).to.equal("HIDDEN_FIELD");
    expect(source.pulled).to.equal(0);
  });
});

describe("deliver: stops", () => {
  const stoppedAfter = (checks: number) => {
    let asked = 0;
    return () => Promise.resolve(asked++ >= checks);
  };

  it("a stop before the first chunk: nothing leaves", async () => {
    const { chunks, summary } = await run(holding(big(100)), { stopCheck: stoppedAfter(0) });
    expect(chunks).to.deep.equal([]);
    expect(summary).to.include({ outcome: "failed", bytes: 0 });
    expect([summary.failure?.code, summary.failure?.detail]).to.deep.equal(["GRANT_REVOKED", "STREAM_STOPPED"]);
  });

  it("a stop in the middle ends the stream at the next chunk", async () => {
    const source = holding(big(100));
    const { chunks, summary } = await run(source, { stopCheck: stoppedAfter(1) });
    expect(chunks).to.have.length(1);
    expectAccount(chunks, summary);
    expect(summary.outcome).to.equal("partial");
    expect(summary.failure?.code).to.equal("GRANT_REVOKED");
    expect(source.freed).to.equal(1);
  });

  it("a stop in the middle lets the stream complete if the grant says so", async () => {
    const { summary } = await run(holding(big(100)), { stopCheck: stoppedAfter(1), onStop: "complete" });
    expect(summary).to.include({ outcome: "delivered", rows: 100 });
  });

  it("stops that cannot be read end the stream", async () => {
    const { summary } = await run(holding(big(100)), { stopCheck: () => Promise.reject(new Error("peer away")) });
    expect(summary).to.include({ outcome: "failed", bytes: 0 });
    expect(summary.failure?.detail).to.equal("STOP_UNKNOWN");
  });
});

describe("deliver: clients that leave", () => {
  it("a client that stops reading: partial, with what was handed over, and the source is freed", async () => {
    const source = holding(big(100));
    const delivery = deliver(options(source));
    const chunks: Uint8Array[] = [];
    for await (const chunk of delivery) {
      chunks.push(chunk);
      break;
    }
    const summary = await delivery.summary;
    expectAccount(chunks, summary);
    expect(summary.outcome).to.equal("partial");
    expect(summary.failure).to.equal(undefined);
    expect(source.freed).to.equal(1);
  });

  it("hanging up after the last chunk, before the end, is not delivered", async () => {
    const controller = new AbortController();
    const delivery = deliver(options(holding([{ id: "1" }]), { signal: controller.signal }));
    const chunks: Uint8Array[] = [];
    for await (const chunk of delivery) {
      chunks.push(chunk);
      controller.abort();
    }
    const summary = await delivery.summary;
    expectAccount(chunks, summary);
    expect([summary.outcome, summary.failure]).to.deep.equal(["partial", undefined]);
  });

  it("a client that left before: nothing is opened", async () => {
    const source = holding(big(1));
    const { summary } = await run(source, { signal: AbortSignal.abort() });
    expect(summary).to.include({ outcome: "failed", bytes: 0 });
    expect(source.pulled + source.freed).to.equal(0);
  });

  it("an abort ends the delivery though the source hangs and hears no signal", async () => {
    const controller = new AbortController();
    const source = holding(big(40), () => {
      controller.abort("a reason that is no error");
      return new Promise(() => undefined);
    });
    const { chunks, summary } = await run(source, { signal: controller.signal });
    expectAccount(chunks, summary);
    expect([summary.outcome, summary.failure]).to.deep.equal(["partial", undefined]);
  });

  it("an abort ends the delivery though the reading of stops hangs", async () => {
    const controller = new AbortController();
    const stopCheck = () => {
      controller.abort();
      return new Promise<boolean>(() => undefined);
    };
    const { summary } = await run(holding(big(1)), { signal: controller.signal, stopCheck });
    expect([summary.outcome, summary.bytes]).to.deep.equal(["failed", 0]);
  });

  it("cannot be iterated twice: nothing leaves a second time", async () => {
    const source = holding([{ id: "1" }]);
    const delivery = deliver(options(source));
    expect(await collect(delivery)).to.have.length(1);
    expect(await collect(delivery)).to.have.length(0);
    expect(source.pulled).to.equal(1);
  });
});
