import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { instant, isQuanjiError, QuanjiError, stopDigest } from "@quanji/chaincode/domain";
import { canonical, type Hash, sha256, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import type { Client } from "../sdk/index.js";
import { TWO_OF_THREE, witnesses } from "../verify/attacks-trust.support.test.js";
import { heldInTrail, type OpenedTrust, type TileSource, verifyEvidence } from "../verify/index.js";
import { collude } from "../verify/forging.support.test.js";
import { leavesOf, leavesTo, publishedLog, sourceOf } from "../verify/static.support.test.js";
import { LOG, OTHER_LOG, PARTIES, RESOURCE, sealed, SmallWorld } from "../verify/support.test.js";
import { type Alarm, Monitor, type MonitorOptions, type Notice, type Sink } from "./index.js";

const GATEWAY = "https://gw.test";
const START_MS = Date.parse("2026-03-02T08:00:00.000Z");

/** Takes everything, and keeps it. */
class Kept implements Sink {
  readonly name = "kept";
  readonly taken: Notice[] = [];
  /** Called before a notice is taken. */
  before: (notice: Notice) => Promise<void> = () => Promise.resolve();

  async deliver(notice: Notice): Promise<void> {
    await this.before(notice);
    this.taken.push(notice);
  }
  close = (): Promise<void> => Promise.resolve();
}

const said = (notices: readonly Notice[]): string[] =>
  notices.map((notice) => (notice.kind === "use" ? `use ${notice.index}` : `${notice.kind} ${notice.code}`));

describe("the monitor", () => {
  let folder: string;
  let world: SmallWorld;
  let trust: OpenedTrust;
  let served: TileSource;
  let nowMs: number;
  let kept: Kept;
  before(async () => {
    world = await new SmallWorld().begin();
    trust = await oneLog({});
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "quanji-monitor-"));
    nowMs = START_MS;
    kept = new Kept();
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A trust file of the one log that these tests follow. */
  const oneLog = async (changes: object, of = world): Promise<OpenedTrust> => {
    const opened = await of.trust(changes);
    return { ...opened, logs: new Set([LOG]) };
  };
  const open = (changes: Partial<MonitorOptions> = {}): Promise<Monitor> =>
    Monitor.open({
      folder,
      trust,
      gateway: GATEWAY,
      placesOf: () => Promise.resolve([{ name: GATEWAY, source: (path) => served(path) }]),
      sinks: [kept],
      clock: () => nowMs,
      unreachableMs: 300_000,
      ...changes,
    });
  const leaves = leavesTo(700);
  const forked = leaves.with(1, sha256(utf8("another")));
  const serve = async (shown: readonly Hash[], size = shown.length): Promise<void> => {
    served = sourceOf(await publishedLog(shown.slice(0, size)));
  };
  const evidenceOf = async (notice: Notice | undefined): Promise<string> =>
    readFile(join(folder, notice?.kind === "alarm" ? (notice.evidence ?? "") : ""), "utf8");

  it("follows a log that grows, and has nothing to say", async () => {
    const monitor = await open();
    for (const size of [0, 1, 5, 256, 257, 700, 700]) {
      await serve(leaves, size);
      const { logs, notices, alarms } = await monitor.round();
      expect([logs, notices, alarms]).to.deep.equal([{ [LOG]: size }, [], []]);
    }
    await monitor.close();
  });

  it("a forked log is an alarm, once, with the proof that convicts it; also after a restart", async () => {
    const first = await open();
    await serve(leaves, 5);
    await first.round();
    await serve(forked, 9);
    const { notices, logs } = await first.round();
    expect([said(notices), logs]).to.deep.equal([["alarm FORK"], {}]);
    const verdict = await verifyEvidence(await evidenceOf(notices[0]), trust);
    expect([verdict.ok, verdict.accused]).to.deep.equal([true, [{ name: LOG, role: "log" }]]);
    expect((await first.round()).notices).to.deep.equal([]);
    await first.close();

    const second = await open();
    const again = await second.round();
    expect([again.notices, again.alarms.map(({ code }) => code)]).to.deep.equal([[], ["FORK"]]);
    // Who has signed two histories is not forgiven for showing the first one again.
    await serve(leaves, 20);
    expect((await second.round()).alarms.map(({ code }) => code)).to.deep.equal(["FORK"]);
    expect(said(kept.taken)).to.deep.equal(["alarm FORK"]);
    await second.close();
  });

  it("another tree of the size that was seen convicts its log without one tile of it", async () => {
    const monitor = await open();
    await serve(leaves, 9);
    await monitor.round();
    served = sourceOf(new Map([["checkpoint", (await publishedLog(forked.slice(0, 9))).get("checkpoint")!]]));
    const { notices } = await monitor.round();
    expect(said(notices)).to.deep.equal(["alarm FORK"]);
    expect((await verifyEvidence(await evidenceOf(notices[0]), trust)).ok).to.equal(true);
    await monitor.close();
  });

  it("two places that show two histories are found out, whoever is asked first", async () => {
    const [one, other] = [
      sourceOf(await publishedLog(leaves.slice(0, 8))),
      sourceOf(await publishedLog(forked.slice(0, 8))),
    ];
    const places = [
      { name: "https://a.test", source: one },
      { name: "https://b.test", source: other },
    ];
    const monitor = await open({ placesOf: () => Promise.resolve(places) });
    const { notices } = await monitor.round();
    expect(said(notices)).to.deep.equal(["alarm FORK"]);
    expect(notices[0]).to.include({ about: `${LOG} at https://b.test` });
    expect((await verifyEvidence(await evidenceOf(notices[0]), trust)).ok).to.equal(true);
    await monitor.close();
  });

  it("a place that lags behind another is none, unless it shows another history, or less than it did", async () => {
    const shown = async (size: number, of = leaves) => sourceOf(await publishedLog(of.slice(0, size)));
    let [one, other] = [await shown(300), await shown(260)];
    const monitor = await open({
      placesOf: () =>
        Promise.resolve([
          { name: "https://a.test", source: (path) => one(path) },
          { name: "https://b.test", source: (path) => other(path) },
        ]),
    });
    expect((await monitor.round()).notices).to.deep.equal([]);
    [one, other] = [await shown(310), await shown(270)];
    expect((await monitor.round()).notices).to.deep.equal([]);
    other = await shown(269);
    const { notices } = await monitor.round();
    expect([said(notices), notices[0]]).to.deep.include(["alarm LOG_SHRUNK"]);
    expect(notices[0]).to.include({ about: `${LOG} at https://b.test` });
    other = await shown(280, forked);
    expect(said((await monitor.round()).notices)).to.deep.equal(["alarm FORK", "cleared LOG_SHRUNK"]);
    await monitor.close();
  });

  it("a truncated log is an alarm with both checkpoints, and over when it has grown again", async () => {
    const monitor = await open();
    await serve(leaves, 300);
    await monitor.round();
    await serve(leaves, 299);
    const { notices } = await monitor.round();
    expect(said(notices)).to.deep.equal(["alarm LOG_SHRUNK"]);
    expect(JSON.parse(await evidenceOf(notices[0]))).to.have.all.keys("served", "held");
    await serve(leaves, 301);
    expect(said((await monitor.round()).notices)).to.deep.equal(["cleared LOG_SHRUNK"]);
    await serve(leaves, 10);
    const again = (await monitor.round()).notices;
    expect(said(again)).to.deep.equal(["alarm LOG_SHRUNK"]);
    expect(again[0]?.id).not.to.equal(notices[0]?.id);
    await monitor.close();
  });

  it("a log cut back to another history is convicted from what the monitor kept", async () => {
    const monitor = await open();
    await serve(leaves, 300);
    await monitor.round();
    served = sourceOf(new Map([["checkpoint", (await publishedLog(forked.slice(0, 200))).get("checkpoint")!]]));
    const { notices } = await monitor.round();
    expect(said(notices)).to.deep.equal(["alarm FORK", "alarm LOG_SHRUNK"]);
    expect((await verifyEvidence(await evidenceOf(notices[0]), trust)).ok).to.equal(true);
    await monitor.close();
  });

  it("a swapped, altered or missing tile is an alarm, and nothing that rests on it is believed", async () => {
    const files = await publishedLog(leaves);
    for (const [path, bytes] of [
      ["tile/0/000", files.get("tile/0/001")!],
      ["tile/0/001", files.get("tile/0/001")!.toReversed()],
      ["tile/0/000", files.get("tile/0/000")!.subarray(0, -32)],
      ["tile/0/002.p/188", undefined],
    ] as const) {
      await rm(folder, { recursive: true });
      const monitor = await open();
      served = (asked) => Promise.resolve(asked === path ? bytes : files.get(asked));
      const { notices, logs } = await monitor.round();
      expect([said(notices), logs]).to.deep.equal([["alarm TILES_REFUSED"], {}]);
      served = sourceOf(files);
      expect(said((await monitor.round()).notices)).to.deep.equal(["cleared TILES_REFUSED"]);
      await monitor.close();
    }
  });

  it("a checkpoint that the log did not sign is an alarm", async () => {
    const monitor = await open();
    served = sourceOf(new Map([["checkpoint", utf8("nothing")]]));
    const { notices } = await monitor.round();
    expect(notices[0]).to.deep.include({ code: "CHECKPOINT_REFUSED", detail: "NOTE_MALFORMED" });
    await monitor.close();
  });

  it("silence is an alarm when it lasts, and over with the first answer", async () => {
    const monitor = await open();
    served = () => Promise.reject(new QuanjiError("UNREACHABLE", "nobody answers"));
    expect((await monitor.round()).unreachable).to.deep.equal([GATEWAY]);
    nowMs += 299_000;
    expect((await monitor.round()).notices).to.deep.equal([]);
    nowMs += 2_000;
    expect(said((await monitor.round()).notices)).to.deep.equal(["alarm GATEWAY_UNREACHABLE"]);
    expect((await monitor.round()).notices).to.deep.equal([]);
    await serve(leaves, 3);
    expect(said((await monitor.round()).notices)).to.deep.equal(["cleared GATEWAY_UNREACHABLE"]);
    await monitor.close();
  });

  describe("notices", () => {
    const alarmed = async (changes: Partial<MonitorOptions> = {}): Promise<Monitor> => {
      const monitor = await open(changes);
      await serve(leaves, 9);
      await monitor.round();
      await serve(leaves, 8);
      return monitor;
    };
    const state = (): string => join(folder, "monitor.json");

    it("are written down before they are said", async () => {
      kept.before = async ({ id }) => {
        const { outbox } = JSON.parse(await readFile(state(), "utf8")) as { outbox: readonly Notice[] };
        expect(outbox.map((notice) => notice.id)).to.deep.equal([id]);
      };
      const monitor = await alarmed();
      expect((await monitor.round()).undelivered).to.deep.equal([]);
      expect(kept.taken).to.have.length(1);
      await monitor.close();
    });

    it("that nobody took are delivered later, in order, without gaps, under their ids; to each place for itself", async () => {
      const other = Object.assign(new Kept(), { name: "other" });
      kept.before = () => Promise.reject(new Error("down"));
      const monitor = await alarmed({ sinks: [kept, other] });
      const first = await monitor.round();
      expect([first.undelivered, kept.taken.length, other.taken.length]).to.deep.equal([["kept"], 0, 1]);
      await serve(leaves, 10);
      await monitor.round();
      await monitor.close();
      kept.before = () => Promise.resolve();
      const again = await open({ sinks: [kept, other] });
      await again.round();
      expect(kept.taken).to.deep.equal(other.taken);
      expect(kept.taken.map(({ seq }) => seq)).to.deep.equal([1, 2]);
      expect(JSON.parse(await readFile(state(), "utf8"))).to.have.property("outbox").that.is.empty;
      await again.close();
    });

    it("killed between taking and writing that down: the same notice comes again, and its id says so", async () => {
      kept.before = () => copyFile(state(), join(folder, "killed.json"));
      const monitor = await alarmed();
      await monitor.round();
      await monitor.close();
      await copyFile(join(folder, "killed.json"), state());
      const again = await open();
      await again.round();
      expect(kept.taken).to.have.length(2);
      expect(kept.taken[1]).to.deep.equal(kept.taken[0]);
      await again.close();
    });

    it("killed before anything is written: the same facts are found again, and said once", async () => {
      const monitor = await alarmed();
      await copyFile(state(), join(folder, "killed.json"));
      const evidence = (): Promise<string[]> => readdir(join(folder, "evidence"));
      const { notices } = await monitor.round();
      await monitor.close();
      await copyFile(join(folder, "killed.json"), state());
      const files = await evidence();
      const again = await open();
      expect((await again.round()).notices).to.deep.equal(notices);
      expect(await evidence()).to.deep.equal(files);
      await again.close();
    });
  });

  it("one monitor a folder; what a process that is gone left behind is taken over", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "lock"), String(process.ppid));
    const refused = await open().catch((error: unknown) => error);
    expect(isQuanjiError(refused, "CONFIG_INVALID") && refused.detail).to.equal("IN_USE");
    for (const gone of ["0", "-1", "999999999", "nonsense"]) {
      await writeFile(join(folder, "lock"), gone);
      await (await open()).close();
    }
    expect(await readdir(folder)).not.to.include("lock");
  });

  it("a state that is damaged, or another network's, is refused", async () => {
    await (await open()).close();
    const text = await readFile(join(folder, "monitor.json"), "utf8");
    for (const [damaged, why] of [
      [text.slice(0, -9), "is not what a monitor has written"],
      ["[]", "is not what a monitor has written"],
      [text.replace("quanji.monitor.v1", "quanji.monitor.v2"), "is not what a monitor has written"],
      [text.replace(`"net":"`, `"net":"x`), "is of the network"],
    ] as const) {
      await writeFile(join(folder, "monitor.json"), damaged);
      const error: unknown = await open().catch((thrown: unknown) => thrown);
      expect(isQuanjiError(error, "CONFIG_INVALID")).to.equal(true);
      expect(String(error)).to.contain(why);
    }
  });

  it("a copy that is damaged is told to its owner, not to the log's", async () => {
    const monitor = await open();
    await serve(leaves, 9);
    await monitor.round();
    await writeFile(join(folder, "logs", LOG, "checkpoint"), "torn");
    const error: unknown = await monitor.round().catch((thrown: unknown) => thrown);
    expect(isQuanjiError(error, "CONFIG_INVALID") && error.field).to.equal("state");
    await monitor.close();
  });

  describe("of receipts that are held", () => {
    let receipts: string;
    let own: SmallWorld;
    let at: number;
    let grant: string;
    let witnessed: OpenedTrust;
    const cosign = (text: string) => Promise.all(witnesses.map((witness) => witness.cosign(text, own.time)));
    before(async () => {
      own = await new SmallWorld().begin();
      await own.resource();
      grant = await own.grant();
      await own.access(grant);
      at = await own.access(grant);
      witnessed = await oneLog({ policy: TWO_OF_THREE }, own);
    });
    beforeEach(async () => {
      receipts = join(folder, "receipts");
      await mkdir(receipts);
      await writeFile(join(receipts, "note.txt"), "no receipt");
      nowMs = own.nowMs;
    });
    const hold = async (name = "use.receipt.json"): Promise<void> =>
      writeFile(join(receipts, name), canonical(await own.receipt(LOG, at), { maxBytes: 1 << 18, maxDepth: 4 }));
    const shown = async (size: number, signed = false): Promise<void> => {
      served = sourceOf(await publishedLog(leavesOf(own).slice(0, size), signed ? cosign : undefined));
    };

    it("one that is not cosigned within a minute is an alarm, over as soon as a quorum has", async () => {
      await hold();
      await shown(at + 1);
      const monitor = await open({ trust: witnessed, receipts });
      nowMs = own.nowMs + 50_000;
      expect((await monitor.round()).notices).to.deep.equal([]);
      nowMs = own.nowMs + 120_000;
      const { notices } = await monitor.round();
      expect(said(notices)).to.deep.equal(["alarm RECEIPT_NOT_COSIGNED"]);
      expect(notices[0]).to.deep.include({ about: "use.receipt.json", detail: "WITNESS_QUORUM" });
      expect((await monitor.round()).notices).to.deep.equal([]);
      await shown(at + 1, true);
      expect(said((await monitor.round()).notices)).to.deep.equal(["cleared RECEIPT_NOT_COSIGNED"]);
      await monitor.close();
    });

    it("one that is not cosigned is an alarm also where its log is served no further than the last quorum went", async () => {
      await hold();
      await shown(at, true);
      const monitor = await open({ trust: witnessed, receipts });
      expect((await monitor.round()).notices).to.deep.equal([]);
      nowMs = own.nowMs + 120_000;
      const { notices } = await monitor.round();
      expect(said(notices)).to.deep.equal(["alarm RECEIPT_NOT_COSIGNED", "alarm CHECKPOINT_STALE"]);
      await shown(at + 1, true);
      const after = await monitor.round();
      expect(said(after.notices)).to.deep.equal(["cleared RECEIPT_NOT_COSIGNED", "cleared CHECKPOINT_STALE"]);
      await monitor.close();
    });

    it("without a quorum in the trust file, none need be", async () => {
      await hold();
      await shown(at + 1);
      const monitor = await open({ trust: await oneLog({}, own), receipts });
      nowMs = own.nowMs + 3_600_000;
      expect((await monitor.round()).notices).to.deep.equal([]);
      await monitor.close();
    });

    it("a log that is served without the record of one is stale, after a minute", async () => {
      await hold();
      await shown(at);
      const monitor = await open({ trust: await oneLog({}, own), receipts });
      expect((await monitor.round()).notices).to.deep.equal([]);
      nowMs = own.nowMs + 120_000;
      expect(said((await monitor.round()).notices)).to.deep.equal(["alarm CHECKPOINT_STALE"]);
      await shown(at + 1);
      expect(said((await monitor.round()).notices)).to.deep.equal(["cleared CHECKPOINT_STALE"]);
      await monitor.close();
    });

    it("one whose history the log no longer holds convicts the log", async () => {
      await hold();
      served = sourceOf(await publishedLog(leavesOf(own).with(0, sha256(utf8("another")))));
      const plain = await oneLog({}, own);
      const monitor = await open({ trust: plain, receipts });
      const { notices } = await monitor.round();
      expect(said(notices)).to.deep.equal(["alarm FORK"]);
      expect((await verifyEvidence(await evidenceOf(notices[0]), plain)).ok).to.equal(true);
      await monitor.close();
    });

    it("one that does not hold is an alarm, over when a good one takes its place", async () => {
      await writeFile(join(receipts, "use.receipt.json"), "{}");
      await shown(at + 1);
      const monitor = await open({ trust: await oneLog({}, own), receipts });
      expect((await monitor.round()).notices[0]).to.deep.include({ code: "RECEIPT_REFUSED", detail: "JWS_SHAPE" });
      await hold();
      expect(said((await monitor.round()).notices)).to.deep.equal(["cleared RECEIPT_REFUSED"]);
      await monitor.close();
    });
  });

  describe("of what is mine", () => {
    let own: SmallWorld;
    let grant: string;
    let plain: OpenedTrust;
    let trail: () => AsyncGenerator<string, void, void>;
    let asked: string[];
    beforeEach(async () => {
      own = await new SmallWorld().begin();
      await own.resource();
      grant = await own.grant();
      await own.access(grant);
      plain = await oneLog({}, own);
      nowMs = own.nowMs;
      asked = [];
      trail = async function* () {
        for (const line of (await own.trail("resource", RESOURCE)).trimEnd().split("\n")) yield line;
      };
      await shown();
    });
    const shown = async (size?: number): Promise<void> => {
      served = sourceOf(await publishedLog(leavesOf(own).slice(0, size)));
    };
    /** Reads of one party, as the gateway would answer them; everything else of a client is not asked for. */
    const client = (): Promise<Client> => {
      const none = async function* (): AsyncGenerator<never, void, void> {
        await Promise.resolve();
        yield* [];
      };
      const resources = async function* () {
        await Promise.resolve();
        yield { id: RESOURCE, steward: PARTIES.bureau.id, logs: [LOG] };
        yield { id: "res/another", steward: PARTIES.insurer.id, logs: [OTHER_LOG] };
      };
      return Promise.resolve({
        party: PARTIES.bureau.id,
        resources: { all: resources },
        grants: { all: none },
        trail: (kind: string, id: string, { from = "" }: { from?: string }) => {
          asked.push(`${kind} ${id} ${from}`);
          return trail();
        },
      } as unknown as Client);
    };

    it("each use is told once, with what is known of it, and only what is new; a log that rests is not asked about", async () => {
      const monitor = await open({ trust: plain, client });
      expect(said((await monitor.round()).notices)).to.deep.equal(["use 0"]);
      expect(asked).to.deep.equal([`resource ${RESOURCE} ${instant(own.nowMs - 60_000)}`]);
      expect((await monitor.round()).notices).to.deep.equal([]);
      expect(asked).to.have.length(1);
      const denial = await own.access(grant, { purpose: "marketing" });
      const permit = await own.access(grant);
      await own.deliver(permit);
      await shown();
      const { notices } = await monitor.round();
      expect(said(notices)).to.deep.equal([`use ${denial}`, `use ${permit}`, `use ${permit + 1}`]);
      expect(notices[0]).to.deep.include({ type: "access", rule: "PURPOSE_OUTSIDE_GRANT", log: LOG, verified: true });
      expect(notices[1]).to.deep.include({ type: "access", rule: "permit", concerns: `resource ${RESOURCE}` });
      expect(notices[2]).to.deep.include({ type: "delivery", outcome: "delivered" });
      expect(new Set(notices.map(({ id }) => id)).size).to.equal(3);
      await monitor.close();
    });

    it("a trail that is replayed whole tells nothing twice, after a restart neither", async () => {
      const first = await open({ trust: plain, client });
      await first.round();
      await first.close();
      const second = await open({ trust: plain, client });
      expect((await second.round()).notices).to.deep.equal([]);
      expect(asked).to.have.length(2);
      expect(kept.taken).to.have.length(1);
      await second.close();
    });

    it("killed between the use and its notice: it is said all the same, once", async () => {
      kept.before = () => Promise.reject(new Error("killed"));
      const first = await open({ trust: plain, client });
      await first.round();
      await first.close();
      kept.before = () => Promise.resolve();
      const second = await open({ trust: plain, client });
      await second.round();
      expect(said(kept.taken)).to.deep.equal(["use 0"]);
      await second.close();
    });

    it("a trail that does not verify is an alarm and tells no use; a good one does later", async () => {
      const good = trail;
      trail = async function* () {
        for await (const line of good()) yield line.replace('"count":1', '"count":2');
      };
      const monitor = await open({ trust: plain, client });
      const { notices } = await monitor.round();
      expect(said(notices)).to.deep.equal(["alarm TRAIL_REFUSED"]);
      trail = good;
      expect(said((await monitor.round()).notices)).to.deep.equal(["use 0", "cleared TRAIL_REFUSED"]);
      await monitor.close();
    });

    it("a permit in spite of a stop is an alarm with the proof that convicts the log; without its receipt, an alarm", async () => {
      await own.command("grant.suspend", { target: stopDigest(grant), epoch: 1 }, "bureau", { grant, stop: true });
      await own.fold(grant);
      const denied = await own.access(grant);
      const lines = await own.trailLines("resource", RESOURCE);
      const forged = await collude(lines, ({ face, body }) => {
        if (face["index"] !== denied) return true;
        face["decision"] = "permit";
        Object.assign(body, { rule: "permit", deliverBefore: instant(Date.parse(String(body["time"])) + 30_000) });
        return true;
      });
      trail = async function* () {
        await Promise.resolve();
        yield* sealed(forged).trimEnd().split("\n");
      };
      const [{ record, proof } = { record: "", proof: "" }] = await heldInTrail(sealed(forged));
      const jws = await own.receipt(LOG, denied, { record, proof, status: 200 });
      nowMs = own.nowMs;
      plain = await oneLog({}, own);
      for (const held of [true, false]) {
        const receipt = (): Promise<unknown> =>
          held ? Promise.resolve({ access: { jws } }) : Promise.reject(new QuanjiError("NOT_FOUND", "no such receipt"));
        const monitor = await open({
          trust: plain,
          folder: join(folder, String(held)),
          client: async () => Object.assign(await client(), { receipt }),
        });
        const { notices } = await monitor.round();
        await monitor.close();
        expect(said(notices)).to.deep.equal(["alarm TRAIL_REFUSED"]);
        expect(notices[0]).to.include({ detail: "PERMIT_AFTER_STOP" });
        if (!held) expect(notices[0]).not.to.have.property("evidence");
        else {
          const file = await readFile(join(folder, String(held), (notices[0] as Alarm).evidence ?? ""), "utf8");
          const verdict = await verifyEvidence(file, plain);
          expect([verdict.ok, verdict.shows, verdict.indexes]).to.deep.equal([true, "ignored-stop", [denied]]);
        }
      }
    });

    it("a trail that rests on another history than the one that is followed convicts the log, as soon as both are as large", async () => {
      const other = leavesOf(own).concat(leavesTo(9));
      await shown(0);
      const monitor = await open({ trust: plain, client });
      expect(said((await monitor.round()).notices)).to.deep.equal(["use 0"]);
      await monitor.close();
      served = sourceOf(await publishedLog(other.with(0, sha256(utf8("another")))));
      const again = await open({ trust: plain });
      const { notices } = await again.round();
      expect(said(notices)).to.deep.equal(["alarm FORK"]);
      expect((await verifyEvidence(await evidenceOf(notices[0]), plain)).ok).to.equal(true);
      await again.close();
    });

    it("a gateway that shows uses and keeps its checkpoint small is found out", async () => {
      await shown(0);
      const monitor = await open({ trust: plain, client });
      nowMs += 120_000;
      expect(said((await monitor.round()).notices)).to.deep.equal(["use 0", "alarm CHECKPOINT_STALE"]);
      await monitor.close();
    });

    it("a gateway that refuses to answer is an alarm, and the logs are followed all the same", async () => {
      trail = async function* () {
        await Promise.resolve();
        yield* [];
        throw new QuanjiError("KEY_INVALID", "the key is revoked");
      };
      const monitor = await open({ trust: plain, client });
      const { notices, logs } = await monitor.round();
      expect([said(notices), logs]).to.deep.equal([["alarm READ_REFUSED"], { [LOG]: 1 }]);
      expect(notices[0]).to.include({ detail: "KEY_INVALID" });
      trail = async function* () {
        await Promise.resolve();
        yield* [];
        throw new QuanjiError("BEHIND", "later");
      };
      expect(said((await monitor.round()).notices)).to.deep.equal(["cleared READ_REFUSED"]);
      await monitor.close();
    });
  });
});
