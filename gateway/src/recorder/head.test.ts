import { instant, type LogState } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { LogHead } from "./head.js";

const state = (size: number, timeMs: number): LogState => ({
  v: "quanji.log.v1",
  origin: "net/gw/0",
  gateway: "gw",
  msp: "HolderMSP",
  vkey: "k",
  size,
  root: `root ${size}`,
  frontier: [],
  time: instant(timeMs),
});

describe("recorder: the expected head", () => {
  it("comes from the read model first, then from results; a read model that lags never takes it back", async () => {
    let known: LogState | undefined;
    const head = new LogHead(() => Promise.resolve(known));
    expect(await head.refresh()).to.equal(false);
    expect(head.current).to.equal(undefined);
    known = state(3, 1_000);
    expect(await head.refresh(), "news").to.equal(true);
    expect(head.current).to.deep.equal({ size: 3, root: "root 3", timeMs: 1_000 });
    head.advance({ size: 5, root: "own", timeMs: 2_000 });
    expect(await head.refresh(), "no news").to.equal(false);
    expect(head.current).to.deep.equal({ size: 5, root: "own", timeMs: 2_000 });
    known = state(5, 2_000);
    expect(await head.refresh(), "the same").to.equal(false);
    known = state(6, 1_500);
    expect(await head.refresh()).to.equal(true);
    expect(head.current, "time never decreases").to.deep.equal({ size: 6, root: "root 6", timeMs: 2_000 });
    head.advance({ size: 6, root: "late", timeMs: 9 });
    expect(head.current?.root).to.equal("root 6");
    head.forget();
    expect(await head.refresh()).to.equal(true);
    expect(head.current?.size).to.equal(6);
  });
});
