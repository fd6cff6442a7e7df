/** The gateway's anchorer against a real EVM: what it publishes, what it keeps, and what it does when things go wrong. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { AnchorProof } from "@quanji/chaincode/domain";
import {
  emptyFrontier,
  formatCheckpoint,
  formatNote,
  type Hash,
  hashText,
  newNodes,
  rootAt,
  sha256,
  utf8,
} from "@quanji/chaincode/log";
import { ANCHORED_TOPIC, logTopic, openAnchor, toHex, verifyEvent } from "@quanji/client/verify";
import { Anchorer, type AnchorerOptions, ANCHOR_ABI, AnchorStore, Chain } from "@quanji/gateway/anchoring";
import { expect } from "chai";
import { type Contract, Interface, JsonRpcProvider, Wallet } from "ethers";
import { anchorAt, type Deployed, deployAnchor, headOf, registerLog } from "./anchor-contract.js";
import { readArtifact } from "./compile.js";
import { sent } from "./deploy.js";
import { type LocalNode, startNode } from "./node.js";

const LOG = "quanji.test/city/gw/0";
const CONFIRMATIONS = 3;

const treeOf = (name: string, size = 64) => {
  const leaves = Array.from({ length: size }, (_, i) => sha256(utf8(`${name} ${i}`)));
  const nodes = new Map(newNodes(emptyFrontier(), leaves).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  return (level: number, index: number): Hash => nodes.get(`${level}/${index}`)!;
};

describe("the anchorer", () => {
  let node: LocalNode;
  let provider: JsonRpcProvider;
  let deployed: Deployed;
  let contract: Contract;
  let folder: string;
  let size: number;
  let read: ReturnType<typeof treeOf>;
  let faults: unknown[];
  const open: { close(): Promise<void> }[] = [];

  before(async () => {
    node = await startNode();
    provider = new JsonRpcProvider(node.endpoint, node.chain, { staticNetwork: true, cacheTimeout: -1 });
    provider.pollingInterval = 20;
  });
  after(async () => {
    provider.destroy();
    await node.close();
  });
  beforeEach(async () => {
    const registrar = new Wallet(node.keys[0]!, provider);
    deployed = await deployAnchor(registrar, registrar.address);
    contract = await anchorAt(deployed.address, registrar);
    await registerLog(contract, LOG, [new Wallet(node.keys[1]!).address]);
    folder = await mkdtemp(path.join(tmpdir(), "quanji-anchor-"));
    [size, read, faults] = [5, treeOf("leaf"), []];
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** As a process begins: with what is in the folder, and nothing else. */
  const begin = (more: Partial<AnchorerOptions> & { endpoint?: string; key?: string } = {}): Anchorer => {
    const { endpoint = node.endpoint, key = node.keys[1]!, ...options } = more;
    const { address } = deployed;
    const anchorer = new Anchorer({
      chain: new Chain({ endpoint, chain: node.chain, contract: address, key, timeoutMs: 20_000 }),
      logs: [{ origin: LOG, store: new AnchorStore(folder) }],
      published: async (origin) => {
        const text = formatCheckpoint({ origin, size, root: await rootAt(size, read) });
        return formatNote({ text, signatures: [{ name: origin, id: 1, bytes: new Uint8Array(64) }] });
      },
      node: () => read,
      chainId: node.chain,
      contract: address,
      fromBlock: deployed.block,
      confirmations: CONFIRMATIONS,
      everyMs: 0,
      lookMs: 1,
      now: () => 0,
      rest: () => Promise.resolve(),
      anchored: () => undefined,
      report: (_origin, error) => faults.push(error),
      ...options,
    });
    open.push(anchorer);
    return anchorer;
  };
  const mine = (blocks: number): Promise<unknown> => provider.send("anvil_mine", [`0x${blocks.toString(16)}`]);
  const onChain = async (): Promise<number> => Number((await headOf(contract, toHex(logTopic(LOG)))).size);
  const newest = (): Promise<AnchorProof | undefined> => new AnchorStore(folder).newest();
  const sizeKept = async (): Promise<number | undefined> => (await newest())?.size;

  it("knows the contract as it is", async () => {
    const real = new Interface((await readArtifact("Anchor")).abi);
    const known = new Set(
      real.fragments.filter(({ type }) => type !== "constructor").map((fragment) => fragment.format("minimal")),
    );
    for (const fragment of new Interface(ANCHOR_ABI).fragments) {
      expect(known.has(fragment.format("minimal")), fragment.format("minimal")).to.equal(true);
    }
    expect(real.getEvent("Anchored")?.topicHash).to.equal(toHex(ANCHORED_TOPIC));
  });

  it("publishes the newest head, and keeps its proof once the block is deep enough", async () => {
    const anchorer = begin();
    await anchorer.round();
    expect([await onChain(), await sizeKept()]).to.deep.equal([5, undefined]);
    await mine(CONFIRMATIONS - 2);
    await anchorer.round();
    expect(await sizeKept()).to.equal(undefined);
    await mine(1);
    await anchorer.round();
    expect(faults).to.deep.equal([]);
    const proof = (await newest())!;
    expect(proof).to.include({ chain: node.chain, contract: deployed.address, log: LOG, size: 5 });
    expect(proof.root).to.equal(hashText(await rootAt(5, read)));
    const { number, timeMs } = verifyEvent(proof);
    const block = (await provider.getBlock(proof.block))!;
    expect([number, timeMs]).to.deep.equal([block.number, block.timestamp * 1000]);
    const [named, last] = await Promise.all(
      [proof.block.slice(2), "newest"].map((name) => readFile(path.join(folder, "anchor", name))),
    );
    expect(named).to.deep.equal(last);
    expect(openAnchor(named!)).to.deep.equal(proof);
  });

  it("sends a grown log with its consistency proof, and nothing while it has not grown", async () => {
    const anchorer = begin();
    await anchorer.round();
    const before = await provider.getBlockNumber();
    await anchorer.round();
    expect(await provider.getBlockNumber()).to.equal(before);
    size = 37;
    await anchorer.round();
    expect(await onChain()).to.equal(37);
    await mine(CONFIRMATIONS);
    await anchorer.round();
    expect([await sizeKept(), faults]).to.deep.equal([37, []]);
  });

  it("waits between two heads as long as it is told", async () => {
    let now = 0;
    const anchorer = begin({ everyMs: 1000, now: () => now });
    await anchorer.round();
    size = 9;
    now = 999;
    await anchorer.round();
    expect(await onChain()).to.equal(5);
    now = 1000;
    await anchorer.round();
    expect(await onChain()).to.equal(9);
  });

  it("goes on after a restart: what was sent is found, and not sent again", async () => {
    await begin().round();
    const before = await provider.getBlockNumber();
    await mine(CONFIRMATIONS);
    await begin().round();
    expect([await sizeKept(), await provider.getBlockNumber()]).to.deep.equal([5, before + CONFIRMATIONS]);
  });

  it("sends nothing while what it sent waits for a block", async () => {
    await provider.send("evm_setAutomine", [false]);
    try {
      const anchorer = begin();
      await anchorer.round();
      size = 9;
      await anchorer.round();
      await begin().round();
      expect(await provider.send("txpool_status", [])).to.deep.equal({ pending: "0x1", queued: "0x0" });
      await mine(1);
      expect(await onChain()).to.equal(5);
    } finally {
      await provider.send("evm_setAutomine", [true]);
    }
    expect(faults).to.deep.equal([]);
  });

  it("takes a proof away whose block the chain has given up, and anchors anew", async () => {
    const snapshot = (await provider.send("evm_snapshot", [])) as string;
    const anchorer = begin();
    await anchorer.round();
    await mine(CONFIRMATIONS);
    await anchorer.round();
    const { block } = (await newest())!;
    expect(await provider.send("evm_revert", [snapshot])).to.equal(true);
    // The same heights with other blocks.
    await mine(CONFIRMATIONS * 3);
    size = 6;
    await anchorer.round();
    expect([await sizeKept(), await onChain()]).to.deep.equal([undefined, 6]);
    await mine(CONFIRMATIONS);
    await anchorer.round();
    const again = (await newest())!;
    expect(again.size).to.equal(6);
    expect(again.block).not.to.equal(block);
    expect(await new AnchorStore(folder).read(block.slice(2))).to.equal(undefined);
    expect(faults).to.deep.equal([]);
  });

  it("goes back to the proof before, where only the last block is given up", async () => {
    const anchorer = begin();
    await anchorer.round();
    await mine(CONFIRMATIONS);
    await anchorer.round();
    const first = (await newest())!;
    const snapshot = (await provider.send("evm_snapshot", [])) as string;
    size = 9;
    await anchorer.round();
    await mine(CONFIRMATIONS);
    await anchorer.round();
    expect(await sizeKept()).to.equal(9);
    await provider.send("evm_revert", [snapshot]);
    await mine(CONFIRMATIONS * 3);
    await anchorer.round();
    expect(await newest()).to.deep.equal(first);
    expect(await readFile(path.join(folder, "anchor/newest"))).to.deep.equal(
      await readFile(path.join(folder, `anchor/${first.block.slice(2)}`)),
    );
  });

  it("proves a head among other transactions of its block", async () => {
    await provider.send("evm_setAutomine", [false]);
    try {
      await begin().round();
      const payer = new Wallet(node.keys[2]!, provider);
      let nonce = await payer.getNonce();
      for (let i = 0; i < 20; i++) {
        const gasPrice = BigInt(i % 2 === 0 ? 50_000_000_000 : 1_500_000_000);
        await payer.sendTransaction({
          to: payer.address,
          value: 1n,
          nonce: nonce++,
          gasPrice,
          gasLimit: 21_000n,
          type: 0,
        });
      }
      await mine(1);
    } finally {
      await provider.send("evm_setAutomine", [true]);
    }
    await mine(CONFIRMATIONS);
    await begin().round();
    const proof = (await newest())!;
    expect((await provider.getBlock(proof.block))!.transactions).to.have.length(21);
    expect(verifyEvent(proof).number).to.be.a("number");
  });

  it("says once that an endpoint cannot be reached, and anchors when it can", async () => {
    let fails = true;
    const proxy: Server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        if (fails) {
          response.writeHead(503).end();
          return;
        }
        void fetch(node.endpoint, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: Buffer.concat(parts),
        })
          .then((answer) => answer.text())
          .then((text) => response.writeHead(200, { "content-type": "application/json" }).end(text));
      });
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    try {
      const anchorer = begin({ endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
      await anchorer.round();
      await anchorer.round();
      expect(faults).to.have.length(1);
      fails = false;
      await anchorer.round();
      expect([await onChain(), faults.length]).to.deep.equal([5, 1]);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it("publishes nothing over a head that its log never had", async () => {
    read = treeOf("another");
    await begin().round();
    [size, read] = [9, treeOf("leaf")];
    await begin().round();
    expect(faults).to.have.length(1);
    expect(faults[0]).to.include({ code: "PROOF_INVALID", detail: "FORK" });
    expect(await onChain()).to.equal(5);
  });

  it("refuses an endpoint of another chain, and a key that may not publish", async () => {
    const other = await startNode({ chain: 99 });
    try {
      await begin({ endpoint: other.endpoint }).round();
    } finally {
      await other.close();
    }
    expect(faults[0]).to.include({ code: "CONFIG_INVALID", field: "anchor.chain" });
    await begin({ key: node.keys[2]! }).round();
    expect(String(faults[1])).to.match(/NotPublisher|revert/);
    expect(await onChain()).to.equal(0);
  });

  it("takes in what another publisher of the log has sent", async () => {
    const publisher = await anchorAt(deployed.address, new Wallet(node.keys[1]!, provider));
    await sent(publisher, "anchor", toHex(logTopic(LOG)), 5, toHex(await rootAt(5, read)), []);
    await mine(CONFIRMATIONS);
    await begin().round();
    expect(await sizeKept()).to.equal(5);
  });

  it("makes a proof again that somebody has lost", async () => {
    await begin().round();
    await mine(CONFIRMATIONS);
    await begin().round();
    const proof = (await newest())!;
    await rm(path.join(folder, `anchor/${proof.block.slice(2)}`));
    await begin().round();
    expect(await newest()).to.deep.equal(proof);
    await writeFile(path.join(folder, `anchor/${proof.block.slice(2)}`), "{}");
    await begin().round();
    expect(faults).to.have.length(1);
  });

  it("ends at once, whatever it waits for", async () => {
    const anchorer = begin();
    const ended = anchorer.keepAnchoring();
    await anchorer.close();
    await ended;
  });
});
