import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { AtOnce } from "./at-once.js";

async function* counted(closed: () => void, fault?: Error): AsyncGenerator<number, void, void> {
  try {
    yield await Promise.resolve(1);
    if (fault !== undefined) throw fault;
    yield 2;
  } finally {
    closed();
  }
}

describe("http: answers of one party at once", () => {
  const codeOf = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "begun",
      (error: unknown) => (isQuanjiError(error) ? error.code : String(error)),
    );

  it("are so many and no more, for each party apart; each place is free again when its answer ends, breaks or is left", async () => {
    let closed = 0;
    const limit = new AtOnce(2);
    const begin = (party: string, fault?: Error) =>
      limit.over(
        party,
        counted(() => closed++, fault),
      );
    const [first, second, third, other] = [begin("a"), begin("a", new Error("broken")), begin("a"), begin("b")];
    for (const one of [first, second, other]) expect((await one.next()).value).to.equal(1);
    expect(await codeOf(third.next())).to.equal("LIMITED");
    expect(closed).to.equal(0);

    await first.return();
    const fourth = begin("a");
    expect(await codeOf(fourth.next())).to.equal("begun");
    expect(await codeOf(begin("a").next())).to.equal("LIMITED");

    expect(await codeOf(second.next())).to.equal("Error: broken");
    expect(await codeOf(begin("a").next())).to.equal("begun");
    expect(await codeOf(begin("a").next())).to.equal("LIMITED");

    const read: number[] = [];
    for await (const line of fourth) read.push(line);
    expect(read).to.deep.equal([2]);
    expect(closed).to.equal(3);
    expect(await codeOf(begin("a").next())).to.equal("begun");
  });
});
