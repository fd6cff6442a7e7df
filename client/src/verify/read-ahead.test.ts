import { Worker } from "node:worker_threads";
import { utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { ATTACKS, prepareAttacks, untouched, verdictOn } from "./attacks.support.test.js";
import { openOpener as openBrowserOpener } from "./opener.browser.js";
import { openOpener, ThreadedOpener } from "./opener.node.js";
import type { LineOpener, OpenedLines } from "./opener.js";
import { pack, unpack } from "./packing.js";
import { readAhead } from "./read-ahead.js";
import { verifyLines } from "./trail.js";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Opens what `takes` says, on this thread, and answers late. */
class HereOpener implements LineOpener {
  closed = false;
  opened = 0;
  readonly #takes: (batch: number) => boolean;
  #batches = 0;

  constructor(takes: (batch: number) => boolean) {
    this.#takes = takes;
  }

  seen(): void {
    this.#batches++;
  }

  get isFree(): boolean {
    return this.#takes(this.#batches);
  }

  async open(lines: Uint8Array): Promise<OpenedLines | undefined> {
    await this.turn();
    const opened = unpack(pack(lines));
    this.opened += opened.filter((line) => line !== undefined).length;
    return opened;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

async function* inChunks(whole: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = utf8(whole);
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

describe("lines read ahead", () => {
  const numbered = Array.from({ length: 5000 }, (_, i) => `{"n":${i}}`);
  const openers = {
    "by nobody": openBrowserOpener,
    "by a thread": openOpener,
    "all by another": () => new HereOpener(() => true),
    "some by another": () => new HereOpener((batch) => batch % 3 !== 0),
  } as const;

  for (const [name, open] of Object.entries(openers)) {
    it(`${name}: are those of the source, in order, and then its fault`, async () => {
      const found: string[] = [];
      async function* source() {
        yield* inChunks(`${numbered.join("\n")}\n`, 20_000);
        throw new Error("disk");
      }
      const fault: unknown = await (async () => {
        for await (const { lines } of readAhead(source(), open())) found.push(...lines.map(text));
        return undefined;
      })().catch((error: unknown) => error);
      expect(found).to.deep.equal(numbered);
      expect((fault as Error).cause)
        .to.be.instanceOf(Error)
        .with.property("message", "disk");
    });
  }

  it("are given up with a source that never answers, and what opens them is closed", async () => {
    const opener = new HereOpener(() => true);
    async function* source() {
      yield utf8(`${numbered.slice(0, 20).join("\n")}\n`);
      await new Promise<never>(() => undefined);
    }
    for await (const { lines } of readAhead(source(), opener)) {
      expect(lines).to.have.length(20);
      break;
    }
    expect(opener.closed).to.equal(true);
  });
});

describe("verdicts on records opened elsewhere", () => {
  before(prepareAttacks);

  it("are those on records opened in their place, for every attack", async () => {
    let opened = 0;
    const exhibits = [...(await untouched()).map(([, exhibit]) => exhibit)];
    for (const { on, exhibit } of ATTACKS) if (on === "trail") exhibits.push(await exhibit());
    for (const exhibit of exhibits.filter(({ kind }) => kind === "trail")) {
      const opener = new HereOpener(() => true);
      const verdict = await verdictOn(exhibit, (evidence, trust, options) =>
        verifyLines(readAhead(evidence, opener), trust, options),
      );
      expect(verdict).to.equal(await verdictOn(exhibit));
      opened += opener.opened;
    }
    expect(opened).to.be.greaterThan(100);
  });
});

describe("a thread that opens records", () => {
  const lines = utf8("{}\n".repeat(3));

  async function untilFree(opener: ThreadedOpener): Promise<void> {
    opener.seen(1 << 30);
    while (!opener.isFree) await opener.turn();
  }

  it("answers for each line, and is free until it has enough to do", async () => {
    const opener = openOpener();
    try {
      expect(opener.isFree).to.equal(false);
      expect(await opener.open(lines.slice()), "before it has begun").to.equal(undefined);
      await untilFree(opener);
      const answers = Array.from({ length: 4 }, () => opener.open(lines.slice()));
      expect(opener.isFree).to.equal(false);
      expect(await Promise.all(answers)).to.deep.equal(Array(4).fill(Array(3).fill(undefined)));
      expect(opener.isFree).to.equal(true);
    } finally {
      await opener.close();
    }
  });

  it("that breaks leaves everything to the thread that replays", async () => {
    const script = `const { parentPort } = require("node:worker_threads");
      parentPort.once("message", () => { throw new Error("broken"); });
      parentPort.postMessage("up");`;
    const opener = new ThreadedOpener(() => new Worker(script, { eval: true }));
    await untilFree(opener);
    expect(await Promise.all([opener.open(lines.slice()), opener.open(lines.slice())])).to.deep.equal([
      undefined,
      undefined,
    ]);
    expect(opener.isFree).to.equal(false);
    expect(await opener.open(lines.slice())).to.equal(undefined);
    await opener.close();
  });
});
