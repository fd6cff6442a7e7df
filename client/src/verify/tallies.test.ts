import type { QuanjiRecord } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { Tallies } from "./tallies.js";
import { refusalOf } from "./verdict.js";

type Tally = Extract<QuanjiRecord, { readonly type: "tally" }>;
type Delivery = Extract<QuanjiRecord, { readonly type: "delivery" }>;

const tally = (from: number, to: number, served: number): Tally => ({ body: { from, to, served } }) as unknown as Tally;
const delivery = (access: number, outcome = "delivered"): Delivery =>
  ({ body: { access, outcome } }) as unknown as Delivery;
const refusal = (act: () => void): string => {
  try {
    act();
  } catch (error) {
    return refusalOf(error).detail;
  }
  return "ok";
};

describe("tallies of a long trail", () => {
  const PERMITS = 5_000;

  it("remember every permit that no tally has passed, and forget those that one has", () => {
    const tallies = new Tallies();
    for (let index = 0; index < PERMITS; index++) tallies.permit(2 * index);
    for (let index = 0; index < PERMITS; index += 2) tallies.deliver(delivery(2 * index));
    tallies.tally(tally(0, PERMITS, PERMITS / 4));
    for (let index = 0; index < PERMITS; index++) tallies.permit(2 * (PERMITS + index));
    for (let index = 0; index < PERMITS; index++) tallies.deliver(delivery(2 * (PERMITS + index)));
    // 1,250 of the first half's second part were delivered, and all of the second half.
    expect(refusal(() => tallies.tally(tally(PERMITS, 4 * PERMITS, PERMITS + PERMITS / 4 - 1)))).to.equal(
      "TALLY_MISMATCH",
    );
  });

  it("take the same count where it is right, and a late delivery beyond it is refused", () => {
    const tallies = new Tallies();
    for (let index = 0; index < PERMITS; index++) tallies.permit(index);
    for (let index = 1; index < PERMITS; index++) tallies.deliver(delivery(index));
    tallies.tally(tally(0, PERMITS, PERMITS - 1));
    expect(refusal(() => tallies.deliver(delivery(0, "failed")))).to.equal("ok");
    const strict = new Tallies();
    for (let index = 0; index < PERMITS; index++) strict.permit(index);
    for (let index = 1; index < PERMITS; index++) strict.deliver(delivery(index));
    strict.tally(tally(0, PERMITS, PERMITS - 1));
    expect(refusal(() => strict.deliver(delivery(0)))).to.equal("TALLY_MISMATCH");
  });
});
