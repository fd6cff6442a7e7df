import { expect } from "chai";
import { decodeError } from "../domain/index.js";
import { canonical } from "../log/index.js";
import { emptyState, memoryWorld } from "../testing/memory-world.js";
import { nodeVerifier } from "../world/index.js";
import { createChaincode } from "./index.js";

describe("contracts: the edge", () => {
  const submit = () => {
    const parties = createChaincode({ verify: nodeVerifier() }).find(({ name }) => name === "parties");
    const call = parties?.functions["submit"];
    if (call === undefined) throw new Error("no transaction");
    return call;
  };
  const failure = async (error: Error): Promise<Error> => {
    const { world } = memoryWorld(emptyState(), { timestampMs: 0 });
    const failing = {
      ...world,
      clock: () => {
        throw error;
      },
    };
    return submit()(failing, canonical({ gateway: "holder" })).then(
      () => new Error("nothing was thrown"),
      (thrown: unknown) => thrown as Error,
    );
  };

  it("an engine's error leaves as INTERNAL, without its text", async () => {
    const thrown = await failure(new TypeError("secret value 42"));
    expect(decodeError(thrown.message)?.code).to.equal("INTERNAL");
    expect(thrown.message).not.to.contain("secret");
  });

  it("a fault of the ledger is left to the ledger's adapter", async () => {
    const fault = Object.assign(new Error("collection refused"), { name: "LedgerError" });
    expect(await failure(fault)).to.equal(fault);
  });
});
