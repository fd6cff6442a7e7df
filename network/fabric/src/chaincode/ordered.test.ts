import { expect } from "chai";
import { NetworkFailure } from "../tools/failure.js";
import { ordered } from "./ordered.js";

const failure = (message: string): NetworkFailure => new NetworkFailure("peer0.x", message, { advice: "look" });
const LOST = "failed with exit code 1\nError: timed out waiting for txid on all peers";
const NO_LEADER = "got unexpected status: SERVICE_UNAVAILABLE -- no Raft leader";
const APPROVED = "attempted to redefine uncommitted sequence (2) for namespace quanji with unchanged content";
const COMMITTED = "requested sequence is 2, but new definition must be sequence 3";

/** Fails in these ways, one after the other, and then no more. */
function step(failures: readonly string[], stands: readonly boolean[] = []) {
  const left = [...failures];
  const states = [...stands];
  let attempts = 0;
  const done = ordered({
    attempt: () => {
      attempts++;
      const message = left.shift();
      return message === undefined ? Promise.resolve() : Promise.reject(failure(message));
    },
    isDone: () => Promise.resolve(states.shift() ?? false),
    log: "commands.log",
    every: 1,
    within: 200,
  });
  return done.then(
    () => `done after ${attempts}`,
    (error: unknown) => `${(error as Error).message.split("\n").at(-1) ?? ""} after ${attempts}`,
  );
}

describe("network: what orderers have to order", () => {
  it("is sent again where there was no leader, or its transaction was lost", async () => {
    expect(await step([])).to.equal("done after 1");
    expect(await step([NO_LEADER, LOST, NO_LEADER])).to.equal("done after 4");
  });

  it("is done where an attempt that nobody heard of came through after all", async () => {
    expect(await step([LOST], [true])).to.equal("done after 1");
    expect(await step([LOST, APPROVED], [false, true])).to.equal("done after 2");
    expect(await step([LOST, COMMITTED], [false, true])).to.equal("done after 2");
  });

  it("is refused where another definition stands, and for whatever else was said", async () => {
    expect(await step([COMMITTED])).to.match(/must be sequence 3 after 1$/);
    expect(await step(["access denied"])).to.match(/access denied after 1$/);
  });

  it("ends when its time is over", async () => {
    expect(await step(Array.from({ length: 10_000 }, () => NO_LEADER))).to.match(
      /did not take a transaction within 0\.2 s/,
    );
  });
});
