/**
 * The recorder's fault table on the real embedded ledger, through a whole gateway: each row breaks what the next batches meet
 * at their endorsers or on their way into a block, while uses come in at once. Whatever happens, each use is answered once;
 * what is answered as recorded is on the ledger, once, with its delivery; what is not, is not; and the next use is as usual.
 */
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { verifyTrail } from "@quanji/client/verify";
import type { Hooks, Submission } from "@quanji/gateway/testing";
import { expect } from "chai";
import type { LocalHost } from "../support/host.js";
import { type Ended, RESOURCE, Stage } from "../support/stage.js";
import { recordsOf } from "../support/trails.js";
import { until } from "../support/until.js";

const HOLDER = "HolderMSP";
const REGULATOR = "RegulatorMSP";
const AT_ONCE = 8;

/** What one batch meets. */
interface Fault {
  /** MSP whose peer is a block behind. */
  readonly lags?: string;
  /** MSP whose peer answers something else. */
  readonly differs?: string;
  /** MSP whose clock is half a minute ahead. */
  readonly ahead?: string;
  readonly conflict?: boolean;
  readonly unknown?: "lost" | "committed";
}

interface Row {
  readonly name: string;
  /** Met by the next batches, one after the other. */
  readonly faults: readonly Fault[];
  /** `late`: only after other uses have come, which take the log on. Default: all are recorded. */
  readonly ends?: "late";
}

const ROWS: readonly Row[] = [
  { name: "no fault", faults: [] },
  { name: "the gateway's own peer is a block behind", faults: [{ lags: HOLDER }] },
  { name: "the regulator's peer is a block behind, twice", faults: [{ lags: REGULATOR }, { lags: REGULATOR }] },
  { name: "the endorsers answer differently", faults: [{ differs: REGULATOR }, { differs: HOLDER }] },
  { name: "the regulator's clock says that the records are too old", faults: [{ ahead: REGULATOR }] },
  { name: "the batch conflicts", faults: [{ conflict: true }] },
  { name: "the batch conflicts, and again, and its parts do", faults: [1, 2, 3, 4].map(() => ({ conflict: true })) },
  { name: "the batch is committed, and the answer lost", faults: [{ unknown: "committed" }] },
  { name: "the batch is lost on its way to the orderer", faults: [{ unknown: "lost" }], ends: "late" },
  {
    name: "one after the other",
    faults: [{ lags: REGULATOR }, { conflict: true }, { unknown: "committed" }, { differs: HOLDER }],
  },
];

/** The faults of the row that runs, handed out one a batch. */
class Script {
  #waiting: Fault[] = [];
  #current: { readonly txId: string; readonly fault: Fault } | undefined;
  met = 0;

  load(faults: readonly Fault[]): void {
    this.#waiting = [...faults];
    this.#current = undefined;
    this.met = 0;
  }

  /** A batch keeps its fault from its first endorsement to the last. */
  #of({ txId, name }: Submission): Fault {
    if (name !== TRANSACTIONS.recordBatch) return {};
    if (this.#current?.txId === txId) return this.#current.fault;
    const fault = this.#waiting.shift();
    if (fault !== undefined) this.met++;
    this.#current = { txId, fault: fault ?? {} };
    return this.#current.fault;
  }

  readonly hooks: Hooks = {
    lag: (msp, submission) => (this.#of(submission).lags === msp ? 1 : 0),
    skewMs: (msp) => (this.#current?.fault.ahead === msp ? 31_000 : 0),
    answer: (msp, result, submission) => (this.#of(submission).differs === msp ? `${result} ` : result),
    conflict: (submission) => this.#of(submission).conflict === true,
    unknown: (submission) => this.#of(submission).unknown,
  };
}

describe("the recorder on a ledger that fails", () => {
  const script = new Script();
  let stage: Stage<LocalHost>;
  let grant: string;
  /** Requests that were permitted, over all rows. */
  const permitted: string[] = [];

  before(async () => {
    stage = await Stage.open({ hooks: script.hooks, simulate: "each" });
    grant = await stage.granted();
  });
  after(() => stage.close());

  const use = (): Promise<Ended> => stage.use("insurer", stage.access(grant, { query: { limit: 1 } }));

  for (const { name, faults, ends } of ROWS) {
    it(name, async () => {
      script.load(faults);
      const uses = Promise.all(Array.from({ length: AT_ONCE }, use));
      if (ends === "late") {
        await until(() => (script.met > 0 ? true : undefined));
        permitted.push((await use()).request ?? "");
      }
      const ended = await uses;
      expect(script.met, "the faults were met").to.equal(faults.length);
      expect(ended.map(({ outcome }) => outcome)).to.deep.equal(ended.map(() => "permit"));
      permitted.push(...ended.map(({ request = "" }) => request));
      script.load([]);
      const next = await use();
      expect(next.outcome).to.equal("permit");
      permitted.push(next.request ?? "");
      await assertSound();
    });
  }

  /** The ledger re-derived from its blocks, and every answer compared with a trail that verifies. */
  async function assertSound(): Promise<void> {
    const insurer = await stage.client("insurer");
    for (const request of permitted) await until(async () => (await insurer.receipt(request)).delivery);
    const trail = await stage.trail("regulator", "resource", RESOURCE);
    expect(await verifyTrail(trail, await stage.trust())).to.include({
      ok: true,
      permitted: permitted.length,
      denied: 0,
    });
    const records = recordsOf(trail);
    const of = (type: string): string[] =>
      records.filter((record) => record.type === type).map(({ body }) => body.request);
    expect(of("access").sort(), "each use recorded once").to.deep.equal([...permitted].sort());
    expect(of("delivery").sort(), "each delivery recorded once").to.deep.equal([...permitted].sort());
    expect(await stage.host.embedded.fsck()).to.include({ ok: true });
  }
});
