import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import type { EmbeddedLedger } from "./ledger.js";
import { faultOf } from "./testing/faults.js";
import { EXCHANGE, Folders, HOLDER, NOW, open, REGULATOR } from "./testing/open.js";
import { call, type Step } from "./testing/probe.js";

const HOLDING = "org-HolderMSP";

describe("the embedded world", () => {
  const folders = new Folders();
  let ledger: EmbeddedLedger;
  const reported: string[] = [];

  before(async () => {
    ledger = await open(await folders.make(), { report: (error) => void reported.push(String(error)) });
  });
  after(async () => {
    await ledger.close();
    await folders.clear();
  });

  const answers = async (...steps: Step[]): Promise<unknown> =>
    JSON.parse((await ledger.submit(call(steps))).result) as unknown;

  const refused = async (as: EmbeddedLedger, steps: Step[], endorsers?: string[]): Promise<string | undefined> => {
    const { cause } = await faultOf(as.submit(call(steps, endorsers && { endorsers })), "REFUSED");
    expect(isQuanjiError(cause, "INTERNAL")).to.equal(true);
    return reported.at(-1);
  };

  it("reads the state before the transaction, never its own writes, public or private", async () => {
    expect(await answers(["put", "a", "1"], ["get", "a"])).to.deep.equal([null, null]);
    expect(await answers(["put", "a", "2"], ["get", "a"])).to.deep.equal([null, "1"]);
    const write: Step = ["putPrivate", HOLDING, "p", "1"];
    expect(await answers(write, ["getPrivate", HOLDING, "p"])).to.deep.equal([null, null]);
    expect(await answers(["getPrivate", HOLDING, "p"])).to.deep.equal(["1"]);
  });

  it("tells submitter, id, time, clock and transient data", async () => {
    const { txId, result } = await ledger.submit({ name: "probe:who", args: [] });
    expect(JSON.parse(result)).to.deep.equal([HOLDER, txId, NOW]);
    const transient = { secret: "s" };
    const request = call([["transient", "secret"], ["transient", "toString"], ["clock"]], { transient });
    expect(await ledger.evaluate(request)).to.equal(JSON.stringify(["s", null, String(NOW)]));
    expect(await ledger.as(EXCHANGE).evaluate({ name: "probe:where", args: [] })).to.equal(EXCHANGE);
  });

  it("keeps texts of any script as they are, and refuses empty and ill-formed ones", async () => {
    await ledger.submit(call([["put", "键\u{1F600}", "值\u{1F600}\0"]]));
    expect(await answers(["get", "键\u{1F600}"])).to.deep.equal(["值\u{1F600}\0"]);
    for (const step of [
      ["put", "a", ""],
      ["put", "", "a"],
      ["put", "\0a", "a"],
      ["put", "\ud800", "a"],
      ["put", "a", "\udc00"],
      ["get", ""],
      ["getPrivate", HOLDING, ""],
      ["putPrivate", HOLDING, "a", ""],
      ["policy", "a", []],
      ["emit", "", "x"],
    ] as Step[]) {
      expect(await refused(ledger, [step]), JSON.stringify(step)).to.contain("SimulationError");
    }
  });

  it("lets no contract go on after a refusal, even one that it swallows", async () => {
    const message = await refused(ledger, [
      ["swallow", ["getPrivate", "org-ExchangeMSP", "k"]],
      ["put", "a", "3"],
    ]);
    expect(message).to.contain("must be a member of org-ExchangeMSP");
  });

  it("refuses unknown collections", async () => {
    expect(await refused(ledger, [["getPrivate", "org-NobodyMSP", "k"]])).to.contain("no collection");
    expect(await refused(ledger, [["getPrivate", "constructor", "k"]])).to.contain("no collection");
  });

  it("refuses a collection to a submitter that is no member, for reading and for writing, wherever it asks", async () => {
    const read: Step[] = [["getPrivate", HOLDING, "p"]];
    const write: Step[] = [["putPrivate", HOLDING, "p", "x"]];
    for (const steps of [read, write]) {
      const word = "must be a member of org-HolderMSP";
      expect(await refused(ledger.as(EXCHANGE), steps)).to.contain(word);
      expect(await refused(ledger.as(EXCHANGE), steps, [REGULATOR, HOLDER])).to.contain(word);
    }
  });

  it("does not read at a peer that is no member, where there is but a hash; finds nothing there where there is nothing", async () => {
    const read = (key: string, endorsers: readonly string[]) =>
      ledger.submit(call([["getPrivate", HOLDING, key]], { endorsers }));
    for (const endorsers of [[EXCHANGE], [REGULATOR, EXCHANGE], [REGULATOR, HOLDER, EXCHANGE]]) {
      await faultOf(read("p", endorsers), "UNAVAILABLE");
    }
    expect((await read("absent", [REGULATOR, HOLDER, EXCHANGE])).result).to.equal("[null]");
  });

  it("lets a peer that is no member endorse a member's write; it counts for public keys, not for the collection", async () => {
    const write = (endorsers: readonly string[]) =>
      ledger.as(REGULATOR).submit(
        call(
          [
            ["put", "opened", "1"],
            ["putPrivate", "org-RegulatorMSP", "opening", "x"],
          ],
          { endorsers },
        ),
      );
    await write([REGULATOR, EXCHANGE]);
    await faultOf(write([REGULATOR]), "POLICY");
    const forged = call([["putPrivate", HOLDING, "p", "x"]], { endorsers: [REGULATOR, EXCHANGE] });
    await faultOf(ledger.submit(forged), "POLICY");
  });

  it("lets the regulator's client write a collection, endorsed by its organisation without being asked", async () => {
    const { block } = await ledger.as(REGULATOR).submit(call([["putPrivate", HOLDING, "r", "x"]]));
    expect(block).to.be.greaterThan(0);
    expect(await answers(["getPrivate", HOLDING, "r"])).to.deep.equal(["x"]);
  });
});
