/**
 * Purge on a real network: asked of every peer, and of gateways that read the blocks before it, after it, and after the peers
 * have cleaned their stores. Steps of docs/operations/fabric.md, "Retention and purge".
 */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type FabricLedger, openFabricLedger, readProfile } from "@quanji/gateway/fabric";
import type { BlockTransaction } from "@quanji/gateway/testing";
import { silent, until } from "@quanji/network/fabric";
import { expect } from "chai";
import { failureOf } from "../../support/until.js";
import { openScene, type Scene } from "../support/scene.js";

const COLLECTION = "org-HolderMSP";
const BOTH = ["peer0.holder", "peer0.regulator"];
const PEERS = [...BOTH, "peer0.exchange"];
/** Peers clean their stores after every so many blocks: `ledger.pvtdataStore.purgeInterval` in core.yaml. */
const PURGE_INTERVAL = 100;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const key = (name: string) => ({ collection: COLLECTION, keyHash: sha256(name) });

describe("purge on a network", () => {
  let scene: Scene;
  let folder: string;
  let reading: FabricLedger;
  before(async () => {
    scene = await openScene("small");
    await scene.network.up(scene.bundle, silent);
    folder = await mkdtemp(path.join(tmpdir(), "quanji-purge-"));
    reading = await gateway("holder", "before");
  });
  after(async () => {
    await reading.close();
    await scene[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const gateway = async (organisation: string, name: string): Promise<FabricLedger> =>
    openFabricLedger({
      profile: await readProfile(scene.network.layout.profile(organisation)),
      folder: path.join(folder, name),
      client: "fabric-gateway",
      report: (what, error) => void process.stderr.write(`${what}: ${String(error)}\n`),
    });
  const ask = (peer: string, operation: "getPrivate" | "hashOf", name: string): Promise<string> =>
    scene.client(peer.slice("peer0.".length)).query(peer, operation, COLLECTION, name);
  const put = (name: string, value: string): Promise<void> =>
    scene.client("holder").invoke(BOTH, "putPrivate", COLLECTION, name, value);

  /** Transactions on private data, as a gateway shows them that reads all blocks from the first. */
  async function shown(ledger: FabricLedger): Promise<BlockTransaction[]> {
    const height = await ledger.height();
    const found: BlockTransaction[] = [];
    await using blocks = ledger.blocks(0);
    for await (const { number, transactions } of blocks) {
      found.push(...transactions.filter(({ name }) => name.endsWith("Private")));
      if (number === height - 1) break;
    }
    return found;
  }

  /** What each reader is told once the two values of `terms` are gone. */
  function assertPurged(transactions: readonly BlockTransaction[], isMember: boolean): void {
    const [first, second, other, purge] = transactions;
    for (const one of [first, second]) {
      expect(one?.writes).to.deep.equal([]);
      expect(one?.purged).to.deep.equal(isMember ? [key("terms")] : undefined);
    }
    expect(other?.writes).to.deep.equal(isMember ? [{ collection: COLLECTION, key: "other", value: "kept" }] : []);
    expect(purge).to.deep.include({ valid: true, writes: [], purges: [key("terms")] });
  }

  async function assertAtPeers(): Promise<void> {
    for (const peer of BOTH) {
      expect(await ask(peer, "getPrivate", "terms"), peer).to.equal("");
      expect(await ask(peer, "getPrivate", "other"), peer).to.equal("kept");
    }
    for (const peer of PEERS) {
      expect(await ask(peer, "hashOf", "terms"), peer).to.equal("");
      expect(await ask(peer, "hashOf", "other"), peer).to.equal(sha256("kept"));
    }
  }

  it("finds value and hash before", async () => {
    for (const value of ["secret 1", "secret 2"]) await put("terms", value);
    await put("other", "kept");
    for (const peer of BOTH) expect(await ask(peer, "getPrivate", "terms"), peer).to.equal("secret 2");
    for (const peer of PEERS) expect(await ask(peer, "hashOf", "terms"), peer).to.equal(sha256("secret 2"));
    const values = (await shown(reading)).flatMap(({ writes }) => writes.map(({ value }) => value));
    expect(values).to.deep.equal(["secret 1", "secret 2", "kept"]);
  });

  it("is refused to a client of a third organisation, and to one of the two members alone", async () => {
    const refusal = async (organisation: string, endorsers: readonly string[]): Promise<string> =>
      String(await failureOf(scene.client(organisation).invoke(endorsers, "purgePrivate", COLLECTION, "terms")));
    expect(await refusal("exchange", BOTH)).to.include("does not have write access permission");
    for (const peer of BOTH) expect(await refusal("holder", [peer])).to.include("ENDORSEMENT_POLICY_FAILURE");
    expect(await ask("peer0.holder", "getPrivate", "terms")).to.equal("secret 2");
  });

  it("takes value and hash from every peer, and leaves the other key", async () => {
    await scene.client("holder").invoke(BOTH, "purgePrivate", COLLECTION, "terms");
    await assertAtPeers();
  });

  it("is told to a gateway that has read the values, and to one that is new and reads every block without them", async () => {
    const valid = (transactions: readonly BlockTransaction[]) => transactions.filter((one) => one.valid);
    for (const organisation of ["holder", "regulator", "exchange"]) {
      const ledger = await gateway(organisation, `new at ${organisation}`);
      assertPurged(valid(await shown(ledger)), organisation !== "exchange");
      await using view = await ledger.view();
      expect(await view.getPrivateHash(COLLECTION, "terms")).to.equal(undefined);
      await ledger.close();
    }
    await using view = await reading.view();
    expect(await view.getPrivateHash(COLLECTION, "terms")).to.equal(undefined);
  });

  it("stays so when the peers have cleaned their stores, and a key may be written again", async () => {
    const height = await reading.height();
    for (let n = 0; n < PURGE_INTERVAL; n++) {
      await reading.submit({ name: "put", args: ["filler", `${n}`], endorsers: ["HolderMSP", "RegulatorMSP"] });
    }
    expect(await reading.height()).to.be.at.least(height + PURGE_INTERVAL);
    for (const peer of BOTH) {
      const log = scene.network.layout.log(peer);
      await until(
        async () =>
          (await readFile(log, "utf8")).includes("Purged private data from private data storage") ? true : undefined,
        { subject: peer, purpose: "clean its store", within: 60_000, advice: "read its log", log },
      );
    }
    await assertAtPeers();
    await put("terms", "new");
    const ledger = await gateway("holder", "after the cleaning");
    const transactions = (await shown(ledger)).filter(({ valid }) => valid);
    assertPurged(transactions, true);
    expect(transactions.at(-1)?.writes).to.deep.equal([{ collection: COLLECTION, key: "terms", value: "new" }]);
    await ledger.close();
    for (const peer of BOTH) expect(await ask(peer, "getPrivate", "terms"), peer).to.equal("new");
  });
});
