/**
 * Random transactions of three organisations, several at a time, against a model that knows nothing of blocks' bytes,
 * signatures or LevelDB. Compared: every result, validation code and value; and that the valid transactions, run one after
 * another in block order, would have read what they did read.
 */
import { cp } from "node:fs/promises";
import { collectionOf } from "@quanji/chaincode/world";
import { expect } from "chai";
import fc from "fast-check";
import { type LedgerBlock, LedgerError } from "../ledger.js";
import type { EmbeddedLedger } from "./ledger.js";
import { openOrganisations } from "./organisations.js";
import { EXCHANGE, Folders, HOLDER, NOW, open, random, REGULATOR, topology } from "./testing/open.js";
import { call, type Step } from "./testing/probe.js";

const EVERYBODY = [REGULATOR, HOLDER, EXCHANGE];
/** Few, so that transactions meet. */
const KEYS = ["a", "b"];

interface Plan {
  readonly client: string;
  readonly endorsers: readonly string[] | undefined;
  readonly steps: readonly Step[];
}

const key = fc.constantFrom(...KEYS);
const collection = fc.constantFrom(collectionOf(HOLDER), collectionOf(EXCHANGE));
const value = fc.string({ minLength: 1, maxLength: 3, unit: "grapheme-ascii" });
const someMsps = fc.subarray(EVERYBODY, { minLength: 1 });

const publicStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("get" as const), key) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("put" as const), key, value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("policy" as const), key, someMsps) },
);
const privateStep: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant("getPrivate" as const), collection, key),
  fc.tuple(fc.constant("putPrivate" as const), collection, key, value),
  fc.tuple(fc.constant("purgePrivate" as const), collection, key),
);
const anyPlan: fc.Arbitrary<Plan> = fc.record({
  client: fc.constantFrom(...EVERYBODY),
  endorsers: fc.option(someMsps, { nil: undefined, freq: 3 }),
  steps: fc.oneof(
    { weight: 3, arbitrary: fc.array(publicStep, { maxLength: 4 }) },
    { weight: 2, arbitrary: fc.array(fc.oneof(publicStep, privateStep), { maxLength: 5 }) },
    { weight: 2, arbitrary: fc.array(privateStep, { maxLength: 3 }) },
  ),
});
/** By whom may: among the others most purges are refused, or meet nothing to purge. */
const ownPlan: fc.Arbitrary<Plan> = fc.record({
  client: fc.constant(HOLDER),
  endorsers: fc.constant(undefined),
  steps: fc.array(
    fc.oneof(
      fc.tuple(fc.constant("putPrivate" as const), fc.constant(collectionOf(HOLDER)), key, value),
      fc.tuple(fc.constant("purgePrivate" as const), fc.constant(collectionOf(HOLDER)), key),
    ),
    { minLength: 1, maxLength: 2 },
  ),
});
const plan = fc.oneof({ weight: 4, arbitrary: anyPlan }, { weight: 1, arbitrary: ownPlan });
/** Each round's transactions are simulated on the same state and ordered together. */
const rounds = fc.array(fc.array(plan, { minLength: 2, maxLength: 6 }), { minLength: 3, maxLength: 9 });

/** One name for a key, public or private. */
const nameOf = (step: Step): string => (isPrivate(step) ? `${step[1]}/${step[2]}` : String(step[1]));
const isPrivate = (step: Step): step is Extract<Step, readonly [`${string}Private`, ...unknown[]]> =>
  step[0] === "getPrivate" || isPrivateWrite(step);
const isPrivateWrite = (step: Step): boolean => step[0] === "putPrivate" || step[0] === "purgePrivate";

interface Cell {
  value: string;
  version: number;
  policy: readonly string[] | undefined;
}

/** What a transaction read, when it was simulated. */
interface Simulated {
  readonly plan: Plan;
  /** Undefined: it is ordered. */
  readonly fault: "REFUSED" | "UNAVAILABLE" | undefined;
  readonly answers: readonly (string | null)[];
  readonly reads: ReadonlyMap<string, number | undefined>;
}

class Model {
  readonly cells = new Map<string, Cell>();
  #version = 0;

  simulate(plan: Plan): Simulated {
    const reads = new Map<string, number | undefined>();
    const answers = plan.steps.map((step) => {
      if (step[0] !== "get" && step[0] !== "getPrivate") return null;
      const cell = this.cells.get(nameOf(step));
      reads.set(nameOf(step), cell?.version);
      return cell?.value ?? null;
    });
    const peers = plan.endorsers ?? (plan.client === REGULATOR ? [REGULATOR] : [plan.client, REGULATOR]);
    const isMember = (msp: string, step: Step): boolean => msp === REGULATOR || collectionOf(msp) === step[1];
    const faults = plan.steps.filter(isPrivate).map((step) => {
      if (!isMember(plan.client, step)) return "REFUSED";
      const isThere = step[0] === "getPrivate" && this.cells.has(nameOf(step));
      return isThere && !peers.every((msp) => isMember(msp, step)) ? "UNAVAILABLE" : undefined;
    });
    const fault = faults.find((one) => one !== undefined);
    return { plan, fault, answers, reads };
  }

  /** Codes of a block's transactions, in order; applies those that are valid. */
  commit(block: readonly Simulated[]): string[] {
    const before = new Map([...this.cells].map(([name, cell]) => [name, { ...cell }]));
    const moved = new Set<string>();
    const endorsed = block.map((simulated) => {
      if (!isEndorsed(simulated, before, moved)) return false;
      for (const step of simulated.plan.steps) if (step[0] === "policy") moved.add(step[1]);
      return true;
    });
    // In its own block also a purge of what was never there conflicts with who read that.
    const purged = new Set<string>();
    return block.map((simulated, index) => {
      if (endorsed[index] !== true) return "ENDORSEMENT_POLICY_FAILURE";
      for (const [name, version] of simulated.reads) {
        if (this.cells.get(name)?.version !== version || purged.has(name)) return "MVCC_READ_CONFLICT";
      }
      for (const step of simulated.plan.steps) if (step[0] === "purgePrivate") purged.add(nameOf(step));
      this.#apply(simulated.plan.steps);
      return "VALID";
    });
  }

  #apply(steps: readonly Step[]): void {
    const version = ++this.#version;
    for (const step of steps) {
      // The last of a put and a purge wins; what a transaction purges first and puts then is there under its own version.
      if (step[0] === "purgePrivate") this.cells.delete(nameOf(step));
      const text = step[0] === "put" ? step[2] : step[0] === "putPrivate" ? step[3] : undefined;
      if (text === undefined) continue;
      this.cells.set(nameOf(step), { value: text, version, policy: this.cells.get(nameOf(step))?.policy });
    }
    for (const step of steps) {
      const cell = step[0] === "policy" ? this.cells.get(step[1]) : undefined;
      if (cell !== undefined && step[0] === "policy") Object.assign(cell, { policy: step[2], version });
    }
  }
}

function endorsersOf({ client, endorsers, steps }: Plan): readonly string[] {
  if (endorsers !== undefined) return endorsers;
  if (client !== REGULATOR) return [client, REGULATOR];
  const touched = [HOLDER, EXCHANGE].filter((msp) =>
    steps.some((step) => isPrivate(step) && step[1] === collectionOf(msp)),
  );
  return [REGULATOR, ...(touched.length > 0 ? touched : [HOLDER])];
}

function isEndorsed({ plan }: Simulated, before: ReadonlyMap<string, Cell>, moved: ReadonlySet<string>): boolean {
  const endorsers = endorsersOf(plan);
  const chaincode = endorsers.includes(REGULATOR) && endorsers.length > 1;
  let checked = false;
  for (const step of plan.steps) {
    if (step[0] === "get" || step[0] === "getPrivate") continue;
    checked = true;
    if (isPrivateWrite(step)) {
      if (
        !endorsers.includes(REGULATOR) ||
        !EVERYBODY.some((msp) => collectionOf(msp) === step[1] && endorsers.includes(msp))
      )
        return false;
      continue;
    }
    if (moved.has(String(step[1]))) return false;
    const own = before.get(String(step[1]))?.policy;
    if (own === undefined ? !chaincode : !own.every((msp) => endorsers.includes(msp))) return false;
  }
  return checked || chaincode;
}

async function blocksFrom(ledger: EmbeddedLedger, from: number): Promise<LedgerBlock[]> {
  const blocks: LedgerBlock[] = [];
  const height = await ledger.height();
  if (from === height) return blocks;
  for await (const block of ledger.as(REGULATOR).blocks(from)) {
    blocks.push(block);
    if (block.number === height - 1) break;
  }
  return blocks;
}

/** Runs one round on both, and compares. Answers the valid transactions in block order. */
async function runRound(ledger: EmbeddedLedger, model: Model, plans: readonly Plan[]): Promise<Simulated[]> {
  const from = await ledger.height();
  const simulated = plans.map((one) => model.simulate(one));
  const submitted = await Promise.allSettled(
    plans.map(({ client, steps, endorsers }) => ledger.as(client).submit(call(steps, endorsers && { endorsers }))),
  );
  const byId = new Map<string, number>();
  submitted.forEach((outcome, n) => {
    if (outcome.status === "fulfilled") {
      expect(JSON.parse(outcome.value.result)).to.deep.equal(simulated[n]!.answers);
      byId.set(outcome.value.txId, n);
      return;
    }
    const error = outcome.reason as LedgerError;
    expect(error).to.be.instanceOf(LedgerError);
    const { fault } = simulated[n]!;
    if (fault === undefined) byId.set(error.txId!, n);
    else expect(error.fault).to.equal(fault);
  });
  const valid: Simulated[] = [];
  for (const { transactions } of await blocksFrom(ledger, from)) {
    const block = transactions.map(({ txId }) => simulated[byId.get(txId)!]!);
    const codes = transactions.map(({ validationCode }) => validationCode);
    expect(codes).to.deep.equal(model.commit(block));
    transactions.forEach(({ txId, valid: isValid }, index) => {
      expect(submitted[byId.get(txId)!]!.status === "fulfilled").to.equal(isValid);
      if (isValid) valid.push(block[index]!);
    });
  }
  return valid;
}

async function compareState(ledger: EmbeddedLedger, model: Model): Promise<void> {
  const regulator = ledger.as(REGULATOR);
  for (const name of KEYS) {
    const steps: Step[] = [
      ["get", name],
      ["getPrivate", collectionOf(HOLDER), name],
    ];
    const other: Step[] = [["getPrivate", collectionOf(EXCHANGE), name]];
    const read = [
      ...(JSON.parse(await regulator.evaluate(call(steps))) as unknown[]),
      ...(JSON.parse(await regulator.evaluate(call(other))) as unknown[]),
    ];
    const expected = [name, `${collectionOf(HOLDER)}/${name}`, `${collectionOf(EXCHANGE)}/${name}`];
    expect(read).to.deep.equal(expected.map((one) => model.cells.get(one)?.value ?? null));
  }
}

/** One after another, without versions: what each valid transaction read must be what it would read now. */
function assertSerial(valid: readonly Simulated[]): void {
  const state = new Map<string, string>();
  for (const { plan, answers } of valid) {
    plan.steps.forEach((step, n) => {
      if (step[0] === "get" || step[0] === "getPrivate") expect(state.get(nameOf(step)) ?? null).to.equal(answers[n]);
    });
    for (const step of plan.steps) {
      if (step[0] === "put") state.set(nameOf(step), step[2]);
      if (step[0] === "putPrivate") state.set(nameOf(step), step[3]);
      if (step[0] === "purgePrivate") state.delete(nameOf(step));
    }
  }
}

describe("the embedded ledger against a model", () => {
  const folders = new Folders();
  let keys: string;
  before(async () => {
    keys = await folders.make();
    await openOrganisations(keys, topology, { clock: () => NOW, random });
  });
  after(() => folders.clear());

  /** A new ledger; the same keys each time, for making them takes longer than a run. */
  async function openFresh(): Promise<EmbeddedLedger> {
    const folder = await folders.make();
    await cp(keys, folder, { recursive: true });
    return open(folder);
  }

  it("gives the model's codes, results and values, in an order that could have been serial", async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(rounds, async (all) => {
        const ledger = await openFresh();
        try {
          const model = new Model();
          const valid: Simulated[] = [];
          for (const plans of all) valid.push(...(await runRound(ledger, model, plans)));
          await compareState(ledger, model);
          assertSerial(valid);
          expect(await ledger.fsck()).to.include({ ok: true });
          for (const { transactions } of await blocksFrom(ledger, 0)) {
            for (const { validationCode, purged = [] } of transactions) {
              seen.set(validationCode, (seen.get(validationCode) ?? 0) + 1);
              seen.set("purged", (seen.get("purged") ?? 0) + purged.length);
            }
          }
        } finally {
          await ledger.close();
        }
      }),
      { numRuns: 60 },
    );
    // The run is worth something only if it met every fate often enough.
    expect(seen.get("purged") ?? 0, "purged").to.be.greaterThan(10);
    for (const code of ["VALID", "MVCC_READ_CONFLICT", "ENDORSEMENT_POLICY_FAILURE"]) {
      expect(seen.get(code) ?? 0, code).to.be.greaterThan(10);
    }
  });
});
