/** What holds of the escrow whatever is sent to it, and that these tests would see it if it did not. */
import { expect } from "chai";
import fc from "fast-check";
import { compileFile, readArtifact, readSources } from "./compile.js";
import { furnish, invariants, newTally } from "./escrow-runs.support.test.js";
import { Stage } from "./escrow.support.test.js";

/** More of them for a longer look: `QUANJI_ESCROW_RUNS=1000`. */
const RUNS = Number(process.env["QUANJI_ESCROW_RUNS"] ?? 60);

/** Ways to get the contract wrong: what is put in place of what, in which file. */
const MISTAKES: Readonly<Record<string, readonly [file: string, from: string | RegExp, to: string]>> = {
  "lets a token call back": ["Escrow.sol", /if \(entered == IN\) revert Reentered\(\);/g, ""],
  "believes what it asked for instead of what arrived": [
    "Erc20.sol",
    "arrived = afterwards - before;",
    "arrived = amount;",
  ],
  "takes a statement twice": ["Escrow.sol", "if (c.state != State.None)", "if (c.state == State.Settled)"],
  "takes a period twice": ["Escrow.sol", "if (s.revision < next)", "if (s.revision + 1 < next)"],
  "locks and claims after the end and a cancellation": [
    "Escrow.sol",
    /if \(d\.cancelled\) revert DealCancelled\(deal\);\s+if \(block\.timestamp >= d\.expires\) revert Expired\(d\.expires\);/,
    "",
  ],
  "counts a signer twice": ["Signed.sol", "if (signer <= last) revert SignerOrder(i, signer);", ""],
  "settles twice": ["Escrow.sol", "c.state = State.Settled;", ""],
  "gives back what is free and keeps it": ["Escrow.sol", "d.free = 0;", ""],
  "pays out without writing it down": ["Escrow.sol", "balances[token][msg.sender] = balance - amount;", ""],
};

describe("the escrow's invariants", () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => stage.close());

  it("conserves every token, pays no claim twice, none after a cancellation, and lets nobody in twice", async () => {
    const tally = newTally();
    const { bytecode } = await readArtifact("Escrow");
    await fc.assert(invariants(stage, await furnish(stage, bytecode), tally), { numRuns: RUNS });
    const taken = [...tally.taken].map(([what, count]) => `${what} ${count}`).join(", ");
    process.stdout.write(
      `      ${tally.runs} runs, ${tally.calls} calls, ${tally.refused} refused, ${tally.reentries} re-entries refused; taken: ${taken}\n`,
    );
    for (const method of ["open", "lock", "claim", "dispute", "settle", "cancel", "withdraw"]) {
      expect(tally.taken.get(method) ?? 0, method).to.be.greaterThan(0);
    }
    expect(tally.reentries).to.be.greaterThan(0);
  });

  describe("do not hold of a contract that", () => {
    let calls = 0;
    let runs = 0;
    after(() => void process.stdout.write(`        ${runs} runs, ${calls} calls until each was seen\n`));

    /** The same plans in every run of the tests, so that a mistake that is seen once is seen always. */
    const check = async (sources: Readonly<Record<string, string>>, numRuns: number) => {
      const artifact = compileFile("Escrow.sol", sources, false)[0]!;
      const tally = newTally();
      const property = invariants(stage, await furnish(stage, artifact.bytecode), tally);
      const { failed, errorInstance } = await fc.check(property, { numRuns, seed: 35, endOnFailure: true });
      calls += tally.calls;
      runs += tally.runs;
      return failed ? String(errorInstance) : "nothing is wrong";
    };

    for (const [mistake, [file, from, to]] of Object.entries(MISTAKES)) {
      it(mistake, async () => {
        const sources = await readSources();
        const wrong = sources[file]!.replace(from, to);
        expect(wrong).to.not.equal(sources[file]);
        const said = await check({ ...sources, [file]: wrong }, 60);
        expect(said).to.match(/^AssertionError/);
      });
    }

    it("is right: then nothing is seen", async () => {
      expect(await check(await readSources(), 3)).to.equal("nothing is wrong");
    });
  });
});
