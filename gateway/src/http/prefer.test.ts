import { expect } from "chai";
import { cosignedWaitMs } from "./prefer.js";

describe("http: Prefer", () => {
  const cases: readonly (readonly [string | readonly string[] | undefined, number | undefined])[] = [
    [undefined, undefined],
    ["", undefined],
    ["wait=5", undefined],
    ["evidence=committed, wait=5", undefined],
    ["evidence=cosigned", 0],
    ["evidence=cosigned, wait=1", 1_000],
    ['wait="2",EVIDENCE="cosigned"', 2_000],
    ["evidence=cosigned;more=1, wait=3;x", 3_000],
    ["evidence=cosigned, wait=999999", 10_000],
    ["evidence=cosigned, wait=-1", 0],
    ["evidence=cosigned, wait=1.5", 0],
    ["evidence=cosigned, wait=1, wait=9", 1_000],
    [["evidence=cosigned", "wait=1"], 1_000],
    ["=,=,;;, evidence", undefined],
  ];
  for (const [header, expected] of cases) {
    it(`${JSON.stringify(header)} waits ${expected ?? "not at all"}`, () => {
      expect(cosignedWaitMs(header)).to.equal(expected);
    });
  }
});
