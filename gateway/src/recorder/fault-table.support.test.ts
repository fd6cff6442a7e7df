/**
 * The fault table: one workload, one fault a row; after each row the whole log is derived again from the ledger and compared
 * with what was answered. It runs over any world that can show the faults.
 */
import { type Code, isQuanjiError, type RecordType } from "@quanji/chaincode/domain";
import { appendLeaves, emptyFrontier, type Hash, hashText, rootOf, sha256Text } from "@quanji/chaincode/log";
import { expect } from "chai";
import type { KnownRecord } from "../readmodel/readmodel.js";
import type { ClosingRecorder } from "./create.js";
import type { Item } from "./entry.js";
import { AGE_MS, FIND_MS, LAG_MS, LIMITS, REACHED_MS } from "./limits.js";
import type { Fault } from "./memory-ledger.support.test.js";
import type { DeliveryToRecord, RequestToRecord } from "./recorder.js";

/** One record as the ledger's blocks show it. */
export interface AuditedRecord {
  readonly type: RecordType;
  readonly request: string;
  readonly body: string;
  readonly leaf: Hash;
  readonly timeMs: number;
}

export interface Audit {
  /** From the log's state. */
  readonly head: { readonly size: number; readonly root: string };
  /** In order, from the blocks. */
  readonly records: readonly AuditedRecord[];
}

/** A ledger, its read model, and hands to break both. */
export interface FaultWorld {
  /** A gateway process starts: a read model built from the blocks, and a recorder. The one before is killed. */
  start(): ClosingRecorder;
  /** A new request that would be permitted; `bad`: the chaincode refuses that record, `poison`: whatever batch it is in. */
  request(kind?: "good" | "bad" | "poison"): RequestToRecord;
  /** What the next submissions meet, one after the other. */
  script(...faults: readonly Fault[]): void;
  /** What all further submissions meet. */
  always(fault: Fault | undefined): void;
  /** Called after each endorsement, before the transaction is ordered. */
  onEndorsed(action: (() => void) | undefined): void;
  /** A command changes the grant that the request names, and leaves it in force. */
  change(request: RequestToRecord): void;
  /** How late the read model applies blocks; infinite: never again. */
  readModelLag(ms: number): void;
  readModelCatchUp(): void;
  shiftClock(ms: number): void;
  later(ms: number): Promise<void>;
  audit(): Audit;
  /** Batches submitted so far. */
  submissions(): number;
  /** Messages that the recorder logged as errors. */
  readonly alarms: readonly string[];
}

export type Answer = { readonly item: Item } & (
  { readonly known: KnownRecord } | { readonly code: Code; readonly detail: string | undefined }
);

export const isPermit = (known: KnownRecord): boolean =>
  known.type === "access" && (JSON.parse(known.stored.face) as { decision: string }).decision === "permit";

export const deliveryOf = (access: KnownRecord): DeliveryToRecord => ({
  type: "delivery",
  access,
  bytes: 5,
  digest: sha256Text("bytes"),
  masked: [],
  outcome: "delivered",
  rows: 1,
});

/** A gateway in small: offers, releases what is permitted, and remembers what it was told. */
export class Trial {
  readonly world: FaultWorld;
  recorder: ClosingRecorder;
  /** How often each request was offered. */
  readonly offered = new Map<string, number>();
  readonly acknowledged: KnownRecord[] = [];
  readonly released: KnownRecord[] = [];
  readonly refused: { readonly item: Item; readonly code: Code; readonly detail: string | undefined }[] = [];

  constructor(world: FaultWorld) {
    this.world = world;
    this.recorder = world.start();
  }

  async offer(item: Item): Promise<Answer> {
    if (item.type !== "delivery" && item.type !== "index")
      this.offered.set(item.request, (this.offered.get(item.request) ?? 0) + 1);
    try {
      const known = await this.recorder.record(item);
      this.acknowledged.push(known);
      if (isPermit(known)) this.released.push(known);
      return { item, known };
    } catch (error) {
      if (!isQuanjiError(error)) throw error;
      const refusal = { item, code: error.code, detail: error.detail };
      this.refused.push(refusal);
      return refusal;
    }
  }

  all(items: readonly Item[]): Promise<Answer[]> {
    return Promise.all(items.map((item) => this.offer(item)));
  }

  requests(count: number): RequestToRecord[] {
    return Array.from({ length: count }, () => this.world.request());
  }

  deliverReleased(): Promise<Answer[]> {
    return this.all(this.released.map(deliveryOf));
  }
}

export const outcomes = (answers: readonly Answer[]): string[] =>
  answers.map((answer) => ("known" in answer ? "recorded" : answer.code));

/** G1, G10, nothing twice, times in order, and the log derived again from its leaves. */
export function assertSound(trial: Trial): void {
  const { head, records } = trial.world.audit();
  const tree = appendLeaves(
    emptyFrontier(),
    records.map(({ leaf }) => leaf),
  );
  expect(head).to.deep.equal({ size: tree.size, root: hashText(rootOf(tree)) });
  for (const known of trial.acknowledged) {
    expect(records[known.record]?.body, "G10 acknowledged is recorded").to.equal(known.stored.body);
  }
  for (const known of trial.released) {
    expect(records[known.record]?.type, "G1 released is recorded").to.equal("access");
  }
  const names = records.map(({ type, request }) => `${type === "delivery" ? "delivery" : "request"} ${request}`);
  expect(new Set(names).size, "nothing is recorded twice").to.equal(names.length);
  const times = records.map(({ timeMs }) => timeMs);
  expect(times, "time never decreases").to.deep.equal([...times].sort((a, b) => a - b));
}

/**
 * NOT_RECORDED is the truth: what was refused so, and not offered a second time, does not stand in the log. Only
 * OUTCOME_UNKNOWN says openly that it may.
 */
export function assertRefusedAbsent(trial: Trial): void {
  const recorded = new Set(trial.world.audit().records.map(({ request }) => request));
  for (const { item, code, detail } of trial.refused) {
    if (item.type === "delivery" || item.type === "index" || code !== "NOT_RECORDED" || detail === "OUTCOME_UNKNOWN")
      continue;
    if (trial.offered.get(item.request) !== 1) continue;
    expect(recorded.has(item.request), "NOT_RECORDED is not recorded").to.equal(false);
  }
}

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

type Kind = Fault["kind"];
interface Row {
  readonly name: string;
  readonly needs: readonly Kind[];
  readonly run: (trial: Trial) => Promise<unknown>;
}

const RECORDED = times(8, "recorded");
const LOST = times(8, "NOT_RECORDED");

/** Eight requests meet the faults; `others` come some time later. */
async function workload(trial: Trial, faults: readonly Fault[], othersAfterMs?: number): Promise<string[]> {
  trial.world.script(...faults);
  const answers = trial.all(trial.requests(8));
  if (othersAfterMs !== undefined) {
    await trial.world.later(othersAfterMs);
    expect(outcomes(await trial.all(trial.requests(2)))).to.deep.equal(times(2, "recorded"));
  }
  return outcomes(await answers);
}

/** Requests that are committed, and whose callers learn nothing but that; then the read model goes on. */
async function toldBehind(trial: Trial, count = 8): Promise<readonly RequestToRecord[]> {
  trial.world.readModelLag(Number.POSITIVE_INFINITY);
  const requests = trial.requests(count);
  expect(outcomes(await trial.all(requests))).to.deep.equal(times(count, "BEHIND"));
  trial.world.readModelLag(0);
  trial.world.readModelCatchUp();
  return requests;
}

/** Outcomes of all deliveries, in order. */
const closings = (trial: Trial): string[] =>
  trial.world
    .audit()
    .records.filter(({ type }) => type === "delivery")
    .map(({ body }) => (JSON.parse(body) as { outcome: string }).outcome);

const ROWS: readonly Row[] = [
  {
    name: "no fault",
    needs: [],
    run: async (trial) => {
      expect(await workload(trial, [])).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(1);
    },
  },
  {
    name: "endorsement refuses one record",
    needs: [],
    run: async (trial) => {
      const answers = await trial.all([...trial.requests(4), trial.world.request("bad"), ...trial.requests(3)]);
      expect(outcomes(answers)).to.deep.equal([...times(4, "recorded"), "MALFORMED", ...times(3, "recorded")]);
      expect(trial.world.submissions()).to.equal(2);
    },
  },
  {
    name: "endorsement refuses the batch for one record that it does not name",
    needs: [],
    run: async (trial) => {
      const answers = await trial.all([...trial.requests(4), trial.world.request("poison"), ...trial.requests(3)]);
      expect(outcomes(answers)).to.deep.equal([...times(4, "recorded"), "NOT_RECORDED", ...times(3, "recorded")]);
      expect(trial.world.alarms).to.have.length(1);
    },
  },
  {
    name: "endorsements differ, for a peer lags",
    needs: ["mismatch"],
    run: async (trial) => expect(await workload(trial, times(3, { kind: "mismatch" }))).to.deep.equal(RECORDED),
  },
  {
    name: "endorsements differ for good",
    needs: ["mismatch"],
    run: async (trial) => {
      trial.world.always({ kind: "mismatch" });
      const answers = trial.all(trial.requests(8));
      await trial.world.later(2 * LAG_MS);
      trial.world.always(undefined);
      expect(outcomes(await answers)).to.deep.equal(LOST);
      expect(trial.world.alarms).to.have.length(1);
    },
  },
  {
    name: "the head moved, for a peer lags",
    needs: ["headMoved"],
    run: async (trial) => expect(await workload(trial, times(2, { kind: "headMoved" }))).to.deep.equal(RECORDED),
  },
  {
    name: "submit is lost before ordering, and others come",
    needs: ["lost"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "lost" }], FIND_MS + 1_000)).to.deep.equal(RECORDED);
    },
  },
  {
    name: "submit is lost before ordering, and nobody else comes",
    needs: ["lost"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "lost" }])).to.deep.equal(LOST);
      expect(trial.refused.map(({ detail }) => detail)).to.deep.equal(times(8, "OUTCOME_UNKNOWN"));
    },
  },
  {
    name: "submit is lost after ordering: committed, the answer lost",
    needs: ["answerLost"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "answerLost" }])).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(1);
    },
  },
  {
    name: "commit status times out, committed a second later",
    needs: ["late"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "late", ms: 1_000 }])).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(1);
    },
  },
  {
    name: "commit status times out, and the blocks show it invalid",
    needs: ["late"],
    run: async (trial) => {
      trial.world.script({ kind: "late", ms: 500 });
      const requests = trial.requests(8);
      const answers = trial.all(requests);
      await trial.world.later(100);
      for (const request of requests.slice(0, 1)) trial.world.change(request);
      await trial.world.later(500);
      expect(outcomes(await answers)).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(2);
    },
  },
  {
    name: "commit status times out, committed after the log stopped waiting",
    needs: ["late"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "late", ms: FIND_MS + 500 }])).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(1);
    },
  },
  {
    name: "commit status times out, ordered only after others took its head",
    needs: ["late"],
    run: async (trial) => {
      const late = { kind: "late", ms: FIND_MS + 5_000 } as const;
      expect(await workload(trial, [late], FIND_MS + 1_000)).to.deep.equal(RECORDED);
      await trial.world.later(10_000);
    },
  },
  {
    name: "commit status times out twice upon one head, and the first is ordered after all",
    needs: ["late", "lost"],
    run: async (trial) => {
      trial.world.script({ kind: "late", ms: 12_000 }, { kind: "lost" });
      const first = trial.all(trial.requests(8));
      await trial.world.later(FIND_MS + 1_000);
      const second = trial.all(trial.requests(2));
      expect(outcomes(await first)).to.deep.equal(RECORDED);
      expect(outcomes(await second)).to.deep.equal(times(2, "recorded"));
    },
  },
  {
    name: "committed after NOT_RECORDED was answered: the same requests again get those records, nothing twice",
    needs: ["late"],
    run: async (trial) => {
      trial.world.script({ kind: "late", ms: AGE_MS + 10_000 });
      const requests = trial.requests(8);
      expect(outcomes(await trial.all(requests))).to.deep.equal(LOST);
      expect(trial.released).to.have.length(0);
      await trial.world.later(20_000);
      expect(outcomes(await trial.all(requests))).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(1);
    },
  },
  {
    name: "committed after NOT_RECORDED, just while the same requests are offered again",
    needs: ["late"],
    run: async (trial) => {
      trial.world.script({ kind: "late", ms: AGE_MS + 100 });
      const requests = trial.requests(8);
      expect(outcomes(await trial.all(requests))).to.deep.equal(LOST);
      trial.world.readModelLag(500);
      trial.world.script({ kind: "slow", ms: 300 });
      expect(outcomes(await trial.all(requests))).to.deep.equal(RECORDED);
    },
  },
  {
    name: "the adapter throws what is no fault of the port, nothing was ordered",
    needs: ["broken"],
    run: async (trial) => {
      const broken = { kind: "broken", committed: false } as const;
      expect(await workload(trial, [broken], FIND_MS + 1_000)).to.deep.equal(RECORDED);
    },
  },
  {
    name: "the adapter throws what is no fault of the port, committed",
    needs: ["broken"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "broken", committed: true }])).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(1);
    },
  },
  {
    name: "MVCC conflict once",
    needs: ["conflict"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "conflict" }])).to.deep.equal(RECORDED);
      expect(trial.world.submissions()).to.equal(2);
    },
  },
  {
    name: "MVCC conflict twice, and nobody can tell why",
    needs: ["conflict"],
    run: async (trial) => {
      expect(await workload(trial, times(2, { kind: "conflict" }))).to.deep.equal(RECORDED);
      expect(trial.world.submissions(), "again, then two halves").to.equal(4);
    },
  },
  {
    name: "MVCC conflict twice, for a grant changes: the others are recorded at once, its own records apart",
    needs: [],
    run: async (trial) => {
      const [toggled, ...others] = trial.requests(8);
      if (toggled === undefined) throw new Error("eight requests are eight");
      let changes = 0;
      trial.world.onEndorsed(() => {
        if (++changes <= 2) trial.world.change(toggled);
      });
      const answers = await trial.all([toggled, ...others]);
      expect(outcomes(answers)).to.deep.equal(RECORDED);
      const order = trial.acknowledged.map(({ record }) => record);
      expect(trial.world.submissions(), "twice the whole, then the others, then the one").to.equal(4);
      expect(answers.map((answer) => ("known" in answer ? answer.known.record : -1))).to.deep.equal([
        7, 0, 1, 2, 3, 4, 5, 6,
      ]);
      expect(order.at(-1)).to.equal(7);
    },
  },
  {
    name: "a grant changes under every endorsement: nobody else is hurt",
    needs: [],
    run: async (trial) => {
      const [toggled, ...others] = trial.requests(8);
      if (toggled === undefined) throw new Error("eight requests are eight");
      trial.world.onEndorsed(() => trial.world.change(toggled));
      const answers = trial.all([toggled, ...others]);
      await trial.world.later(10_000);
      trial.world.onEndorsed(undefined);
      expect(outcomes(await answers)).to.deep.equal(["NOT_RECORDED", ...times(7, "recorded")]);
    },
  },
  {
    name: "the endorsements do not satisfy the policy",
    needs: ["policy"],
    run: async (trial) => {
      expect(await workload(trial, [{ kind: "policy" }])).to.deep.equal(LOST);
      expect(trial.world.alarms).to.have.length(1);
    },
  },
  {
    name: "the ledger is unavailable for a while",
    needs: ["unavailable"],
    run: async (trial) => expect(await workload(trial, times(12, { kind: "unavailable" }))).to.deep.equal(RECORDED),
  },
  {
    name: "the ledger is unavailable for good",
    needs: ["unavailable"],
    run: async (trial) => {
      trial.world.always({ kind: "unavailable" });
      const answers = trial.all(trial.requests(8));
      await trial.world.later(AGE_MS / 2);
      const later = trial.all(trial.requests(8));
      expect(outcomes(await answers)).to.deep.equal(LOST);
      expect(outcomes(await later)).to.deep.equal(LOST);
      trial.world.always(undefined);
    },
  },
  {
    name: "the read model is behind",
    needs: [],
    run: async (trial) => {
      trial.world.readModelLag(3_000);
      expect(await workload(trial, [], 100)).to.deep.equal(RECORDED);
    },
  },
  {
    name: "the read model stops: what is committed is not released, and is answered once it can be shown",
    needs: [],
    run: async (trial) => {
      trial.world.readModelLag(Number.POSITIVE_INFINITY);
      const requests = trial.requests(8);
      const answers = trial.all(requests);
      await trial.world.later(REACHED_MS + 1_000);
      expect(outcomes(await answers)).to.deep.equal(times(8, "BEHIND"));
      expect(trial.released).to.have.length(0);
      trial.world.readModelLag(0);
      trial.world.readModelCatchUp();
      expect(outcomes(await trial.all(requests))).to.deep.equal(RECORDED);
      expect(trial.world.audit().head.size).to.equal(8);
    },
  },
  {
    name: "the read model stops, and the same requests come again before it goes on",
    needs: [],
    run: async (trial) => {
      trial.world.readModelLag(Number.POSITIVE_INFINITY);
      const requests = trial.requests(8);
      expect(outcomes(await trial.all(requests))).to.deep.equal(times(8, "BEHIND"));
      const again = trial.all(requests);
      await trial.world.later(1_000);
      trial.world.readModelLag(0);
      trial.world.readModelCatchUp();
      expect(outcomes(await again)).to.deep.equal(RECORDED);
      expect(trial.world.audit().head.size).to.equal(8);
    },
  },
  {
    name: "deliveries committed after NOT_RECORDED was answered for them, and offered again meanwhile: once each",
    needs: ["late"],
    run: async (trial) => {
      expect(await workload(trial, [])).to.deep.equal(RECORDED);
      trial.world.script({ kind: "late", ms: AGE_MS + 100 });
      expect(outcomes(await trial.deliverReleased())).to.deep.equal(LOST);
      trial.world.readModelLag(500);
      trial.world.script({ kind: "slow", ms: 300 });
      expect(outcomes(await trial.deliverReleased())).to.deep.equal(RECORDED);
      expect(trial.world.audit().head.size).to.equal(16);
    },
  },
  {
    name: "deliveries committed while the read model stops, and offered again: once each",
    needs: [],
    run: async (trial) => {
      expect(await workload(trial, [])).to.deep.equal(RECORDED);
      trial.world.readModelLag(Number.POSITIVE_INFINITY);
      expect(outcomes(await trial.deliverReleased())).to.deep.equal(times(8, "BEHIND"));
      expect(outcomes(await trial.deliverReleased())).to.deep.equal(LOST);
      trial.world.readModelLag(0);
      trial.world.readModelCatchUp();
      expect(outcomes(await trial.deliverReleased())).to.deep.equal(RECORDED);
      expect(trial.world.audit().head.size).to.equal(16);
    },
  },
  {
    name: "killed between commit and release: a new process answers with the records, and accounts for the permits",
    needs: [],
    run: async (trial) => {
      const requests = trial.requests(8);
      trial.world.readModelLag(Number.POSITIVE_INFINITY);
      void trial.all(requests);
      await trial.world.later(1_000);
      expect(trial.world.audit().head.size).to.equal(8);
      expect(trial.released).to.have.length(0);
      trial.recorder = trial.world.start();
      expect(await trial.recorder.closeUndelivered()).to.equal(8);
      expect(await trial.recorder.closeUndelivered(), "once").to.equal(0);
      expect(outcomes(await trial.all(requests))).to.deep.equal(RECORDED);
      expect(trial.world.audit().records.filter(({ type }) => type === "delivery")).to.have.length(8);
    },
  },
  {
    name: "the callers were told BEHIND and never come again: their permits are closed once the time to deliver is past, once",
    needs: [],
    run: async (trial) => {
      void trial.recorder.keepClosing();
      await toldBehind(trial);
      await trial.world.later(AGE_MS - REACHED_MS - 1_000);
      expect(closings(trial), "not before its time").to.deep.equal([]);
      await trial.world.later(2 * LIMITS.closeEveryMs);
      expect(closings(trial)).to.deep.equal(times(8, "unknown"));
      await trial.world.later(10 * LIMITS.closeEveryMs);
      expect(closings(trial)).to.deep.equal(times(8, "unknown"));
    },
  },
  {
    name: "the callers were told OUTCOME_UNKNOWN, and the batch is committed after all: its permits are closed",
    needs: ["late"],
    run: async (trial) => {
      void trial.recorder.keepClosing();
      expect(await workload(trial, [{ kind: "late", ms: AGE_MS + 10_000 }])).to.deep.equal(LOST);
      await trial.world.later(10_000 + 2 * LIMITS.closeEveryMs);
      expect(closings(trial)).to.deep.equal(times(8, "unknown"));
    },
  },
  {
    name: "ordered only after its process was killed and another has begun: its permits are closed",
    needs: ["late"],
    run: async (trial) => {
      void trial.recorder.keepClosing();
      trial.world.script({ kind: "late", ms: 2 * LIMITS.closeEveryMs });
      void trial.all(trial.requests(8));
      await trial.world.later(1_000);
      trial.recorder = trial.world.start();
      void trial.recorder.keepClosing();
      await trial.world.later(LIMITS.closeEveryMs);
      expect(closings(trial)).to.deep.equal([]);
      await trial.world.later(2 * LIMITS.closeEveryMs);
      expect(closings(trial)).to.deep.equal(times(8, "unknown"));
    },
  },
  {
    name: "told BEHIND, then given the data: the account of what left stands, however late it comes",
    needs: [],
    run: async (trial) => {
      void trial.recorder.keepClosing();
      const requests = await toldBehind(trial, 4);
      const others = await toldBehind(trial, 4);
      // The same bytes, offered just before the read model shows them: the callers hold permits of which nothing has left.
      trial.world.readModelLag(Number.POSITIVE_INFINITY);
      expect(outcomes(await trial.all(requests))).to.deep.equal(times(4, "recorded"));
      await trial.world.later(AGE_MS + 2 * LIMITS.closeEveryMs);
      trial.world.readModelLag(0);
      trial.world.readModelCatchUp();
      await trial.world.later(2 * LIMITS.closeEveryMs);
      expect(closings(trial), `${others.length} that nobody came for`).to.deep.equal(times(4, "unknown"));
      await trial.deliverReleased();
      expect(closings(trial)).to.deep.equal([...times(4, "unknown"), ...times(4, "delivered")]);
    },
  },
  {
    name: "the ledger is unavailable when permits are to be closed: they are once it is back",
    needs: ["unavailable"],
    run: async (trial) => {
      void trial.recorder.keepClosing();
      await toldBehind(trial);
      trial.world.always({ kind: "unavailable" });
      await trial.world.later(3 * AGE_MS);
      expect(closings(trial)).to.deep.equal([]);
      trial.world.always(undefined);
      await trial.world.later(AGE_MS + 2 * LIMITS.closeEveryMs);
      expect(closings(trial)).to.deep.equal(times(8, "unknown"));
    },
  },
  {
    name: "the clock is set back, and the log's last record lies ahead of it",
    needs: [],
    run: async (trial) => {
      expect(await workload(trial, [])).to.deep.equal(RECORDED);
      trial.world.shiftClock(-2_000);
      expect(await workload(trial, [])).to.deep.equal(RECORDED);
      expect(trial.world.submissions(), "nothing is submitted before its time").to.equal(2);
      trial.world.shiftClock(-60_000);
      expect(await workload(trial, [])).to.deep.equal(LOST);
      trial.world.shiftClock(120_000);
    },
  },
];

/** `without`: faults that this world cannot show; their rows are not in its table. */
export function faultTable(makeWorld: () => FaultWorld | Promise<FaultWorld>, without: readonly Kind[] = []): void {
  for (const row of ROWS.filter(({ needs }) => !needs.some((kind) => without.includes(kind)))) {
    it(row.name, async () => {
      const trial = new Trial(await makeWorld());
      await row.run(trial);
      assertSound(trial);
      trial.world.onEndorsed(undefined);
      await trial.deliverReleased();
      expect(outcomes(await trial.all(trial.requests(2))), "the log goes on").to.deep.equal(times(2, "recorded"));
      await trial.recorder.close();
      assertSound(trial);
      assertRefusedAbsent(trial);
    });
  }
}
