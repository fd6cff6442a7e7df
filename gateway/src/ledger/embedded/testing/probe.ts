/** A contract for tests that does what its argument says: a list of steps in JSON. */
import { QuanjiError } from "@quanji/chaincode/domain";
import type { World } from "@quanji/chaincode/world";
import type { TransactionRequest } from "../../ledger.js";
import type { ChaincodeTable } from "../chaincode.js";

export type Step =
  | readonly ["get", key: string]
  | readonly ["put", key: string, value: string]
  | readonly ["getPrivate", collection: string, key: string]
  | readonly ["putPrivate", collection: string, key: string, value: string]
  | readonly ["purgePrivate", collection: string, key: string]
  | readonly ["policy", key: string, allOf: readonly string[]]
  | readonly ["emit", name: string, payload: string]
  | readonly ["transient", name: string]
  /** The endorser's clock, to be refused or to leak into the result. */
  | readonly ["clock"]
  | readonly ["refuse", message: string]
  | readonly ["crash", message: string]
  /** Goes on although the world refused. */
  | readonly ["swallow", step: Step]
  | readonly ["never"];

const swallowed = "swallowed";
const nothing = (): undefined => undefined;

async function perform(world: World, step: Step): Promise<string | undefined> {
  switch (step[0]) {
    case "get":
      return world.get(step[1]);
    case "put":
      return world.put(step[1], step[2]).then(nothing);
    case "getPrivate":
      return world.getPrivate(step[1], step[2]);
    case "putPrivate":
      return world.putPrivate(step[1], step[2], step[3]).then(nothing);
    case "purgePrivate":
      return world.purgePrivate(step[1], step[2]).then(nothing);
    case "policy":
      return world.setKeyPolicy(step[1], step[2]).then(nothing);
    case "emit":
      world.emit(step[1], step[2]);
      return undefined;
    case "transient":
      return world.transient(step[1]);
    default:
      return misbehave(world, step);
  }
}

type Misstep = Extract<Step, readonly ["clock" | "refuse" | "crash" | "swallow" | "never", ...unknown[]]>;

async function misbehave(world: World, step: Misstep): Promise<string | undefined> {
  switch (step[0]) {
    case "clock":
      return String(world.clock());
    case "refuse":
      throw new QuanjiError("STATE_CONFLICT", step[1], { detail: "a detail", field: "a.field", record: 3 });
    case "crash":
      throw new Error(step[1]);
    case "swallow":
      return perform(world, step[1]).catch(() => swallowed);
    case "never":
      return new Promise(() => undefined);
  }
}

/** Answers a JSON list of what each step answered; null for nothing. Steps are the argument, or transient. */
async function run(world: World, ...args: string[]): Promise<string> {
  const answers: (string | null)[] = [];
  for (const step of JSON.parse(args[0] ?? world.transient("steps") ?? "[]") as Step[])
    answers.push((await perform(world, step)) ?? null);
  return JSON.stringify(answers);
}

export const probe: ChaincodeTable = {
  name: "probe",
  functions: {
    run,
    who: (world) => Promise.resolve(JSON.stringify([world.submitterMsp, world.txId, world.timestampMs])),
    where: (world) => Promise.resolve(world.endorserMsp),
    nothing: () => Promise.resolve(undefined as unknown as string),
  },
};

export const call = (steps: readonly Step[], options: Partial<TransactionRequest> = {}): TransactionRequest => ({
  name: "probe:run",
  args: [JSON.stringify(steps)],
  ...options,
});

/** As {@link call}, with steps that stay out of the block. */
export const quietly = (steps: readonly Step[]): TransactionRequest => ({
  name: "probe:run",
  args: [],
  transient: { steps: JSON.stringify(steps) },
});
