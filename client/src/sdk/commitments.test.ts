import { verifyCommitment } from "@quanji/chaincode/log";
import { QuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { commitValues, systemRandom, uuid } from "./index.js";

const COMMAND = { kid: "p#t", jti: "0b0f2c52-6d0e-4a4e-9b0a-1c2d3e4f5a6b" };

describe("commitments of a command", () => {
  it("open under their own kid, jti and path, and under no other", () => {
    const { payload, openings } = commitValues(
      { regulator: { party: "r" } },
      { "regulator.responsibleHead": { value: "Han" } },
      COMMAND,
      systemRandom,
    );
    const commitment = (payload["regulator"] as Record<string, string>)["responsibleHead"]!;
    const opening = openings!["regulator.responsibleHead"]!;
    verifyCommitment(commitment, [COMMAND.kid, COMMAND.jti], "regulator.responsibleHead", opening);
    expect(() => verifyCommitment(commitment, ["q#t", COMMAND.jti], "regulator.responsibleHead", opening)).to.throw(
      QuanjiError,
    );
    expect(() => verifyCommitment(commitment, [COMMAND.kid, COMMAND.jti], "ground", opening)).to.throw(QuanjiError);
  });

  it("have a fresh salt each time", () => {
    const salts = [1, 2].map(
      () => commitValues({}, { ground: { value: "x" } }, COMMAND, systemRandom).openings?.["ground"]?.salt,
    );
    expect(salts[0]).to.not.equal(salts[1]);
  });

  it("a member that is there already, and a path without a place, are refused", () => {
    expect(() => commitValues({ ground: "said" }, { ground: { value: "x" } }, COMMAND, systemRandom)).to.throw(
      QuanjiError,
    );
    expect(() => commitValues({ a: "text" }, { "a.b": { value: "x" } }, COMMAND, systemRandom)).to.throw(QuanjiError);
  });

  it("ids are UUIDs of version 4", () => {
    expect(uuid(() => new Uint8Array(16).fill(0xff))).to.equal("ffffffff-ffff-4fff-bfff-ffffffffffff");
    expect(uuid(() => new Uint8Array(16))).to.equal("00000000-0000-4000-8000-000000000000");
  });
});
