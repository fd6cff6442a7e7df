import type { ForkProof } from "@quanji/chaincode/domain";
import {
  cosignNote,
  formatCheckpoint,
  formatNote,
  type Hash,
  NOTE_TYPES,
  type NoteSignature,
  openCheckpoint,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
  signNote,
  verifyConsistency,
} from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import { LogSigner } from "../witness/log-signer.js";
import { History, logSigner, ORIGIN, seededSigner } from "../witness/testing/trees.js";
import { type Asked, BACK_OFF, Courier, type CourierOptions } from "./courier.js";
import type { WitnessPort, WitnessReply } from "./witness-client.js";

const key = seededSigner("witness.test/w", NOTE_TYPES.cosignature);
const honest = History.honest();
const forked = History.forked();
const verify = nodeVerifier();
const START = 1_700_000_000_000;

const reply = (status: number, body = "", retryAfterMs?: number): WitnessReply => ({ status, body, retryAfterMs });

/** A witness that does what tlog-witness says, and what a test puts before that. */
class Witness implements WitnessPort {
  held = 0;
  readonly asked: number[] = [];
  readonly scripts: ((body: string) => Promise<WitnessReply> | WitnessReply | undefined)[] = [];
  shown: string | undefined;
  readonly now: () => number;
  onAsked: () => void = () => undefined;
  inFlight = 0;
  mostInFlight = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  async addCheckpoint(body: string): Promise<WitnessReply> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      const { checkpoint, oldSize, proof } = parseAddCheckpoint(body);
      this.asked.push(checkpoint.size);
      const scripting = this.scripts.shift()?.(body);
      this.onAsked();
      const scripted = await scripting;
      if (scripted !== undefined) return scripted;
      if (oldSize !== this.held) return reply(409, `${this.held}\n`);
      verifyConsistency({
        from: oldSize,
        to: checkpoint.size,
        fromRoot: honest.root(oldSize),
        toRoot: checkpoint.root,
        proof,
      });
      this.held = checkpoint.size;
      return reply(200, await this.line(body));
    } finally {
      this.inFlight--;
    }
  }

  async line(body: string, time = Math.floor(this.now() / 1000), by = key): Promise<string> {
    const { note } = parseAddCheckpoint(body);
    const signature = await cosignNote(note.text, by.key, time, by.sign);
    return formatNote({ text: "\n", signatures: [signature] }).slice(2);
  }

  headNotes = (): Promise<WitnessReply> => Promise.reject(new Error("not here"));
  published = (): Promise<WitnessReply> =>
    Promise.resolve(this.shown === undefined ? reply(404) : reply(200, this.shown));
}

describe("G6 a gateway's courier to a witness", () => {
  let now: number;
  let size: number;
  let witness: Witness;
  let outcomes: Asked[];
  let pauses: number[];
  let kept: { readonly checkpoint: string; readonly cosignature: NoteSignature }[];
  let forks: ForkProof[];
  let reports: Asked[];
  let couriers: Courier[];
  let release: (() => void)[];
  let changed: () => void;

  beforeEach(() => {
    now = START;
    size = 3;
    witness = new Witness(() => now);
    [outcomes, pauses, kept, forks, reports, couriers, release] = [[], [], [], [], [], [], []];
    changed = () => undefined;
    witness.onAsked = () => changed();
  });
  afterEach(async () => {
    for (const wake of release.splice(0)) wake();
    await Promise.all(couriers.map((courier) => courier.close()));
  });

  const start = (options: Partial<CourierOptions> = {}): Courier => {
    const courier = new Courier({
      witness,
      key: key.key,
      logs: [new LogSigner(logSigner)],
      head: () => Promise.resolve({ size, root: honest.root(size) }),
      node: () => (level, index) => honest.node(level, index),
      clock: () => now,
      verify,
      // Time passes when somebody waits for it, and only after a failure; otherwise until the test goes on.
      pause: (ms, signal) =>
        new Promise((resolve) => {
          pauses.push(ms);
          release.push(resolve);
          signal?.addEventListener("abort", () => resolve(), { once: true });
          changed();
        }),
      refreshMs: 60_000,
      compareMs: 10_000,
      publish: (fork) => Promise.resolve(void forks.push(fork)),
      keep: (checkpoint, cosignature) => {
        kept.push({ checkpoint, cosignature });
        changed();
        return Promise.resolve();
      },
      asked: (outcome) => {
        outcomes.push(outcome);
        changed();
      },
      report: (outcome) => void reports.push(outcome),
      ...options,
    });
    couriers.push(courier);
    return courier;
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        changed = resolve;
        if (holds()) resolve();
      });
    }
  };
  const passes = (ms: number): void => {
    now += ms;
    for (const wake of release.splice(0)) wake();
  };
  const idle = () => until(() => release.length > 0);

  it("brings the newest checkpoint with a proof, learns what the witness holds, and keeps what it signs", async () => {
    witness.held = 2;
    const courier = start();
    await idle();
    expect(outcomes).to.deep.equal(["conflict", "cosigned"]);
    size = 7;
    courier.grew();
    await until(() => kept.length === 2);
    for (const { checkpoint, cosignature } of kept) {
      const note = parseNote(checkpoint);
      const both = formatNote({ ...note, signatures: [...note.signatures, cosignature] });
      expect((await openCheckpoint(both, [logSigner.key], [key.key], verify)).cosigners).to.have.length(1);
    }
    expect(kept.map(({ checkpoint }) => parseCheckpoint(parseNote(checkpoint).text).size)).to.deep.equal([3, 7]);
  });

  it("has one request in flight, and of what was committed meanwhile asks for the newest alone", async () => {
    let answer: (reply: WitnessReply | undefined) => void = () => undefined;
    witness.scripts.push(
      () => new Promise<WitnessReply | undefined>((resolve) => (answer = resolve)) as Promise<WitnessReply>,
    );
    const courier = start();
    await until(() => witness.asked.length === 1);
    for (size = 4; size < 30; size++) courier.grew();
    answer(undefined);
    await until(() => kept.length === 2);
    expect(witness.asked).to.deep.equal([3, 30]);
    expect(witness.mostInFlight).to.equal(1);
  });

  it("lets no log wait for another that grows without end, or is refused", async () => {
    const busy = seededSigner("quanji.test/town/gw/1", NOTE_TYPES.ed25519);
    const served: string[] = [];
    let grown = 0;
    witness.addCheckpoint = async (body) => {
      const { checkpoint } = parseAddCheckpoint(body);
      served.push(checkpoint.origin);
      grown++;
      changed();
      return checkpoint.origin === ORIGIN ? reply(200, await witness.line(body)) : reply(422, "refused");
    };
    start({
      logs: [new LogSigner(busy), new LogSigner(logSigner)],
      head: (origin) => {
        const at = origin === ORIGIN ? size : 3 + (grown % 30);
        return Promise.resolve({ size: at, root: honest.root(at) });
      },
      // Nobody waits: what is refused is asked again at once.
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      refreshMs: 1,
    });
    await until(() => served.filter((origin) => origin === ORIGIN).length >= 1);
    expect(served.indexOf(ORIGIN)).to.be.at.most(1);
  });

  it("has an idle log cosigned again each minute, and not before", async () => {
    start();
    await idle();
    passes(59_000);
    await idle();
    expect(kept).to.have.length(1);
    passes(1_000);
    await until(() => kept.length === 2);
    expect(witness.asked).to.deep.equal([3, 3]);
  });

  it("backs off from a witness that is down, longer each time, and finds it again", async () => {
    for (let i = 0; i < 10; i++) witness.scripts.push(() => Promise.reject(new Error("down")));
    start();
    for (let i = 0; i < 10; i++) {
      await until(() => pauses.length === i + 1);
      passes(1);
    }
    await until(() => kept.length === 1);
    expect(pauses.slice(0, 10)).to.deep.equal(
      Array.from({ length: 10 }, (_, i) => Math.min(BACK_OFF.firstMs * 2 ** i, BACK_OFF.mostMs)),
    );
    expect(reports).to.deep.equal(["unreachable"]);
  });

  it("waits as long as a witness asks for whose peer is behind, without a word in the log", async () => {
    witness.scripts.push(() => reply(503, "", 1_000));
    start();
    await until(() => pauses.length === 1);
    expect(pauses).to.deep.equal([1_000]);
    expect(reports).to.deep.equal([]);
    passes(1_000);
    await until(() => kept.length === 1);
  });

  it("a witness that never agrees on a size is asked no more than a few times in a row", async () => {
    for (const held of ["1", "2", "1"]) witness.scripts.push(() => reply(409, `${held}\n`));
    start();
    await until(() => pauses.length === 1);
    expect(outcomes).to.deep.equal(["conflict", "conflict", "conflict"]);
  });

  const false_: readonly (readonly [string, (body: string) => Promise<WitnessReply>])[] = [
    ["nothing", () => Promise.resolve(reply(200, ""))],
    ["lines that are none", () => Promise.resolve(reply(200, "signed\n"))],
    [
      "another witness's cosignature",
      async (body) =>
        reply(200, await witness.line(body, START / 1000, seededSigner("other.test/w", NOTE_TYPES.cosignature))),
    ],
    [
      "a cosignature of the same name by another key",
      async (body) =>
        reply(200, await witness.line(body, START / 1000, seededSigner("witness.test/w", NOTE_TYPES.cosignature, "x"))),
    ],
    ["a time in the future", async (body) => reply(200, await witness.line(body, START / 1000 + 301))],
    ["a time long past", async (body) => reply(200, await witness.line(body, START / 1000 - 301))],
    [
      "a cosignature of another tree",
      async (body) =>
        reply(
          200,
          await witness.line(body.replace(/\n3\n\S+\n/, `\n3\n${Buffer.from(forked.root(3)).toString("base64")}\n`)),
        ),
    ],
  ];
  for (const [what, answer] of false_) {
    it(`keeps nothing of a witness that answers ${what}`, async () => {
      witness.scripts.push(answer);
      start();
      await until(() => pauses.length === 1);
      expect(kept).to.deep.equal([]);
      expect(reports).to.deep.equal(["false"]);
    });
  }

  it("keeps nothing of a witness that holds more than was ever committed here, and says so", async () => {
    witness.held = 30;
    start();
    await until(() => pauses.length === 1);
    expect(reports).to.deep.equal(["contradiction"]);
    expect(kept).to.deep.equal([]);
  });

  describe("compares what the witness shows others with what it signed here", () => {
    const shownBy = async (root: Hash, at: number, by = key): Promise<string> => {
      const text = formatCheckpoint({ origin: ORIGIN, size: at, root });
      const signatures = [
        await signNote(text, logSigner.key, logSigner.sign),
        await cosignNote(text, by.key, START / 1000, by.sign),
      ];
      return formatNote({ text, signatures });
    };

    it("finds nothing in an honest one", async () => {
      witness.shown = await shownBy(honest.root(2), 2);
      start();
      await idle();
      expect(forks).to.deep.equal([]);
    });

    it("keeps the proof against one that shows another tree of the same size", async () => {
      witness.shown = await shownBy(forked.root(3), 3);
      start();
      await until(() => forks.length === 1);
      expect(forks[0]).to.include({ kind: "fork", older: witness.shown });
      expect(forks[0]).to.not.have.property("proof");
      expect(outcomes).to.include("forked");
    });

    it("keeps one proof of a log, however often it lies", async () => {
      witness.shown = await shownBy(forked.root(3), 3);
      const courier = start();
      await until(() => forks.length === 1);
      for (const at of [4, 5]) {
        passes(60_000);
        size = at;
        courier.grew();
        await until(() => kept.some(({ checkpoint }) => parseCheckpoint(parseNote(checkpoint).text).size === at));
      }
      await idle();
      expect(forks).to.have.length(1);
    });

    it("keeps the proof against one that shows another smaller tree", async () => {
      size = 7;
      witness.shown = await shownBy(forked.root(3), 3);
      start();
      await until(() => forks.length === 1);
      expect(forks[0]?.proof).to.have.length.above(0);
    });

    it("takes no stranger's word for it, nor a tree that it cannot know yet", async () => {
      for (const text of [
        await shownBy(forked.root(3), 3, seededSigner("other.test/w", NOTE_TYPES.cosignature)),
        await shownBy(forked.root(9), 9),
        "nonsense",
      ]) {
        witness.shown = text;
        start();
        await idle();
        expect(forks).to.deep.equal([]);
      }
    });
  });
});
