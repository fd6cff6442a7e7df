/** The anchor contract on a real EVM: what it takes, what it refuses, what it costs. */
import {
  appendLeaves,
  consistencyProof,
  emptyFrontier,
  type Hash,
  newNodes,
  rootAt,
  sha256,
  utf8,
} from "@quanji/chaincode/log";
import { expect } from "chai";
import fc from "fast-check";
import { Contract, hexlify, isError, JsonRpcProvider, Wallet } from "ethers";
import { anchorAt, deployAnchor, headOf, registerLog } from "./anchor-contract.js";
import { artifactText, compile, readArtifact } from "./compile.js";
import { sent } from "./deploy.js";
import { type LocalNode, startNode } from "./node.js";

const SIZES = 130;
const logOf = (origin: string): string => hexlify(sha256(utf8(origin)));

/** Two histories that are one up to `fork` leaves. */
function history(name: string, size = SIZES, fork = 0, before = "leaf") {
  const leaves = Array.from({ length: size }, (_, i) => sha256(utf8(`${i < fork ? before : name} ${i}`)));
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  const read = (level: number, index: number): Hash => nodes.get(`${level}/${index}`)!;
  return {
    root: async (at: number) => hexlify(await rootAt(at, read)),
    proof: async (from: number, to: number) => (await consistencyProof(from, to, read)).map((hash) => hexlify(hash)),
    frontier: appendLeaves(emptyFrontier(), leaves),
  };
}

describe("the anchor contract", () => {
  let node: LocalNode;
  let provider: JsonRpcProvider;
  let [registrar, publisher, stranger]: (Wallet | undefined)[] = [];
  let contract: Contract;
  const honest = history("leaf");
  const other = history("other");

  before(async () => {
    node = await startNode();
    provider = new JsonRpcProvider(node.endpoint, node.chain, { staticNetwork: true, cacheTimeout: -1 });
    provider.pollingInterval = 20;
    [registrar, publisher, stranger] = node.keys.map((key) => new Wallet(key, provider));
    const { address } = await deployAnchor(registrar!, registrar!.address);
    contract = await anchorAt(address, registrar!);
  });
  after(async () => {
    provider.destroy();
    await node.close();
  });

  const as = (wallet: Wallet | undefined): Contract => new Contract(contract.target, contract.interface, wallet);
  /** The name of the error that a call reverts with, `taken` where it does not. */
  const outcome = async (who: Wallet | undefined, method: string, ...args: readonly unknown[]): Promise<string> => {
    try {
      await as(who)
        .getFunction(method)
        .staticCall(...args);
      return "taken";
    } catch (error) {
      if (!isError(error, "CALL_EXCEPTION")) throw error;
      return error.revert?.name ?? error.shortMessage;
    }
  };
  const newLog = async (origin: string): Promise<string> => {
    await registerLog(contract, origin, [publisher!.address]);
    return logOf(origin);
  };

  it("is what its source compiles to", async () => {
    expect(artifactText(await compile("Anchor"))).to.equal(artifactText(await readArtifact("Anchor")));
  });

  it("lets the registrar name a log's publishers, once, and nobody else", async () => {
    const mine = [publisher!.address];
    expect(await outcome(stranger, "register", "net/a/0", mine)).to.equal("NotRegistrar");
    expect(await outcome(registrar, "register", "", mine)).to.equal("OriginEmpty");
    expect(await outcome(registrar, "register", "net/a/0", [])).to.equal("NoPublisher");
    expect(await outcome(registrar, "register", "net/a/0", [`0x${"00".repeat(20)}`])).to.equal("NoPublisher");
    const log = await newLog("net/a/0");
    expect(await outcome(registrar, "register", "net/a/0", [registrar!.address])).to.equal("LogKnown");
    expect(await outcome(stranger, "anchor", log, 3, await honest.root(3), [])).to.equal("NotPublisher");
    // Not even the registrar.
    expect(await outcome(registrar, "anchor", log, 3, await honest.root(3), [])).to.equal("NotPublisher");
    expect(await outcome(publisher, "anchor", logOf("net/b/0"), 3, await honest.root(3), [])).to.equal("NotPublisher");
  });

  it("lets a publisher give its place to another key", async () => {
    const log = await newLog("net/h/0");
    expect(await outcome(stranger, "handOver", log, stranger!.address)).to.equal("NotPublisher");
    expect(await outcome(publisher, "handOver", log, publisher!.address)).to.equal("PublisherKnown");
    expect(await outcome(publisher, "handOver", log, `0x${"00".repeat(20)}`)).to.equal("NoPublisher");
    await sent(as(publisher), "handOver", log, stranger!.address);
    expect(await outcome(publisher, "anchor", log, 3, await honest.root(3), [])).to.equal("NotPublisher");
    expect(await outcome(stranger, "anchor", log, 3, await honest.root(3), [])).to.equal("taken");
  });

  it("refuses a smaller head, the same size with another root, and one that does not contain the last", async () => {
    const log = await newLog("net/c/0");
    expect(await headOf(contract, log)).to.deep.equal({ size: 0n, root: `0x${"00".repeat(32)}`, number: 0n });
    expect(await outcome(publisher, "anchor", log, 0, await honest.root(0), [])).to.equal("NotLarger");
    expect(await outcome(publisher, "anchor", log, 5, await honest.root(5), await honest.proof(3, 5))).to.equal(
      "Inconsistent",
    );
    const { blockNumber } = await sent(as(publisher), "anchor", log, 5, await honest.root(5), []);
    expect(await headOf(contract, log)).to.deep.equal({
      size: 5n,
      root: await honest.root(5),
      number: BigInt(blockNumber),
    });
    expect(await outcome(publisher, "anchor", log, 4, await honest.root(4), [])).to.equal("NotLarger");
    expect(await outcome(publisher, "anchor", log, 5, await other.root(5), [])).to.equal("NotLarger");
    expect(await outcome(publisher, "anchor", log, 5, await honest.root(5), [])).to.equal("NotLarger");
    const [root, proof] = [await honest.root(9), await honest.proof(5, 9)];
    expect(await outcome(publisher, "anchor", log, 9, await other.root(9), await other.proof(5, 9))).to.equal(
      "Inconsistent",
    );
    expect(await outcome(publisher, "anchor", log, 9, await other.root(9), proof)).to.equal("Inconsistent");
    for (const bad of [[], proof.slice(1), proof.slice(0, -1), [...proof, root], proof.toReversed()]) {
      expect(await outcome(publisher, "anchor", log, 9, root, bad)).to.equal("Inconsistent");
    }
    expect(await outcome(publisher, "anchor", log, 9, root, proof)).to.equal("taken");
  });

  it("verifies consistency as the logs' own library makes it, for all sizes up to 40", async () => {
    const consistent = contract.getFunction("consistent");
    const check = async (...args: readonly unknown[]): Promise<unknown> => consistent.staticCall(...args);
    for (let to = 1; to <= 40; to++) {
      const calls = Array.from({ length: to }, async (_, from) =>
        check(from, await honest.root(from), to, await honest.root(to), await honest.proof(from, to)),
      );
      expect(await Promise.all(calls), String(to)).to.deep.equal(Array.from({ length: to }, () => true));
    }
  });

  it("never shrinks and never forks, whatever is sent to it", async function () {
    const runs = 40;
    let steps = 0;
    let taken = 0;
    let made = 0;
    const step = fc.record({
      more: fc.integer({ min: -2, max: 10 }),
      history: fc.constantFrom("honest", "honest", "honest", "other", "forked"),
      from: fc.constantFrom("head", "head", "head", "wrong"),
      flip: fc.constantFrom(false, false, false, true),
      who: fc.constantFrom("publisher", "publisher", "publisher", "stranger", "registrar"),
    });
    const forked = history("later", SIZES, 40);
    const histories = { honest, other, forked };
    const roots = { publisher, stranger, registrar };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 12 }), async (sequence) => {
        const origin = `net/run/${made++}`;
        const log = await newLog(origin);
        let [size, root] = [0, ""];
        for (const { more, history: name, from, flip, who } of sequence) {
          steps++;
          const asked = Math.max(0, size + more);
          const tree = histories[name];
          const start = from === "head" ? size : Math.floor(size / 2);
          const proof = start < asked ? await tree.proof(start, asked) : [];
          if (flip && proof[0] !== undefined) proof[0] = await other.root(7);
          const next = await tree.root(asked);
          // What a reader of RFC 9162 would say: the head must be a prefix of what is sent, and proven to be.
          const contains = size === 0 || (await tree.root(size)) === root;
          const flipped = flip && proof.length > 0;
          const proven = start === size || size === 0 ? !flipped && (size > 0 || proof.length === 0) : undefined;
          const result = await outcome(roots[who], "anchor", log, asked, next, proof);
          if (who !== "publisher") expect(result).to.equal("NotPublisher");
          else if (asked <= size) expect(result).to.equal("NotLarger");
          else if (!contains || proven === false) expect(result).to.equal("Inconsistent");
          else if (proven === true) expect(result).to.equal("taken");
          if (result === "taken") {
            await sent(as(publisher), "anchor", log, asked, next, proof);
            [size, root] = [asked, next];
            taken++;
          }
          const head = await headOf(contract, log);
          expect([head.size, size === 0 ? "" : head.root]).to.deep.equal([BigInt(size), root]);
        }
      }),
      { numRuns: runs },
    );
    process.stdout.write(`      ${runs} runs, ${steps} heads sent, ${taken} taken\n`);
    expect(taken).to.be.greaterThan(runs / 2);
  });

  it("costs what it is said to cost", async () => {
    const log = await newLog("net/gas/0");
    const first = await sent(as(publisher), "anchor", log, 63, await honest.root(63), []);
    const next = await sent(as(publisher), "anchor", log, 65, await honest.root(65), await honest.proof(63, 65));
    const whole = await sent(as(publisher), "anchor", log, 128, await honest.root(128), await honest.proof(65, 128));
    const gas = { first: first.gasUsed, "63 → 65": next.gasUsed, "65 → 128": whole.gasUsed };
    const hashes = [(await honest.proof(63, 65)).length, (await honest.proof(65, 128)).length];
    process.stdout.write(
      `      gas: ${Object.entries(gas)
        .map(([what, used]) => `${what} ${used}`)
        .join(", ")} (${hashes.join(" and ")} hashes)\n`,
    );
    for (const used of Object.values(gas)) expect(Number(used)).to.be.lessThan(120_000);
  });
});
