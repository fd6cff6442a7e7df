import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { Turns } from "./turns.js";

describe("turns", () => {
  const gate = () => {
    let open: (() => void) | undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { opened, open: () => open?.() };
  };

  it("one key takes turns, also after a failure; other keys do not wait", async () => {
    const turns = new Turns();
    const order: string[] = [];
    const first = gate();
    const a = turns.take("a", async () => {
      order.push("a1 begins");
      await first.opened;
      order.push("a1 ends");
      throw new Error("a1 failed");
    });
    const b = turns.take("a", () => Promise.resolve(order.push("a2")));
    await turns.take("b", () => Promise.resolve(order.push("b")));
    first.open();
    let failed: unknown;
    await a.catch((error: unknown) => (failed = error));
    await b;
    expect(failed).to.be.an("error");
    expect(order).to.deep.equal(["a1 begins", "b", "a1 ends", "a2"]);
  });

  it("no more than so many wait under one key: others are told so at once, and later ones find room", async () => {
    const turns = new Turns(2);
    const first = gate();
    const order: string[] = [];
    const a = turns.take("a", async () => {
      await first.opened;
      order.push("a1");
    });
    const b = turns.take("a", () => Promise.reject(new Error("a2 failed")));
    const refused = await turns.take("a", () => Promise.resolve(order.push("never"))).catch((error: unknown) => error);
    expect(isQuanjiError(refused, "LIMITED"), String(refused)).to.equal(true);
    await turns.take("b", () => Promise.resolve(order.push("b")));
    first.open();
    await a;
    expect(await b.catch((error: unknown) => String(error))).to.equal("Error: a2 failed");
    await turns.take("a", () => Promise.resolve(order.push("a3")));
    await turns.take("a", () => Promise.resolve(order.push("a4")));
    expect(order).to.deep.equal(["b", "a1", "a3", "a4"]);
  });
});
