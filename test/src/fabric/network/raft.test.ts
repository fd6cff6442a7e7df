import { cp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  FabricNetwork,
  findLeader,
  heightAt,
  untilHeight,
  NetworkFailure,
  readFabricTopology,
  silent,
  until,
  untilLed,
} from "@quanji/network/fabric";
import { expect } from "chai";
import { failureOf } from "../../support/until.js";
import { Client } from "../support/client.js";
import { openScene, PORT_SHIFT, type Scene } from "../support/scene.js";

const ENDORSERS = ["peer0.holder", "peer0.regulator"];

/** What an election costs at most, as the operations guide promises; it takes about two seconds. */
const LEADERLESS_MS = 10_000;

describe("network raft, identities by Fabric CA", () => {
  let scene: Scene;
  before(async () => {
    scene = await openScene("raft");
    await scene.network.up(scene.bundle, silent);
  });
  after(() => scene[Symbol.asyncDispose]());

  const put = async (key: string): Promise<void> => {
    await scene.client("holder").insist("orderer2.orderer", ENDORSERS, "put", key, "1");
  };

  /** Until a peer has the private value that was written while the regulator's first peer was dead. */
  const untilPrivate = async (organisation: string, peer: string): Promise<void> => {
    await until(
      async () => {
        const value = await scene
          .client(organisation)
          .query(peer, "getPrivate", "org-HolderMSP", "lone")
          .catch(() => undefined);
        return value === "1" ? true : undefined;
      },
      { subject: peer, purpose: "get private data from others", within: 60_000, every: 200, advice: "" },
    );
  };

  it("keeps every password out of its logs", async () => {
    const { layout, topology } = scene.network;
    const secrets = await Promise.all(
      topology.authorities.map(({ id }) => readFile(path.join(layout.node(id), "registrar.secret"), "utf8")),
    );
    const log = await readFile(layout.commands, "utf8");
    expect(log).to.include("fabric-ca-client enroll");
    for (const secret of secrets) expect(log).to.not.include(secret);
    for (const { name } of topology.organisations) {
      const file = path.join(layout.organisation(name), "ca", "secrets.json");
      const held = Object.values(JSON.parse(await readFile(file, "utf8")) as Record<string, string>);
      expect(held).to.not.be.empty;
      for (const secret of held) expect(log).to.not.include(secret);
    }
  });

  for (const name of ["gateway.holder", "admin.holder", "peer0.holder", "orderer0.orderer", "orderer1.orderer"]) {
    it(`goes on after the certificates of ${name} were renewed`, async () => {
      const { layout } = scene.network;
      const file =
        name.startsWith("gateway") || name.startsWith("admin")
          ? layout.user("holder", name.startsWith("gateway") ? "gateway" : "admin").certificate
          : layout.nodeCredentials(name).certificate;
      const before = await readFile(file, "utf8");
      await scene.network.renew(name, silent);
      expect(await readFile(file, "utf8")).to.not.equal(before);
      await put(`after-${name}`);
    });
  }

  it("is without service for less than ten seconds when the ordering leader is killed", async () => {
    const leader = await findLeader(scene.network.topology);
    const follower = scene.network.topology.orderers.find(({ id }) => id !== leader?.id);
    await scene.network.processes.signal(leader!.id, "SIGKILL");
    const ms = await scene.client("holder").insist(follower!.id, ENDORSERS, "put", "leaderless", "1");
    process.stdout.write(`      ordering again after ${(ms / 1000).toFixed(1)} s\n`);
    expect(ms).to.be.lessThan(LEADERLESS_MS);
    await scene.network.up(scene.bundle, silent);
  });

  it("endorses by the regulator's second peer when the first is dead", async () => {
    await scene.network.processes.signal("peer0.regulator", "SIGKILL");
    await scene
      .client("holder")
      .invoke(["peer0.holder", "peer1.regulator"], "putPrivate", "org-HolderMSP", "lone", "1");
    await scene.network.up(scene.bundle, silent);
    await untilPrivate("regulator", "peer0.regulator"); // what it missed comes from the other members
  });

  it("makes a peer anew whose disk was lost: blocks from the orderers, private data from the other member", async () => {
    const { layout, processes } = scene.network;
    await processes.stop("peer0.holder");
    await rm(path.join(layout.node("peer0.holder"), "data"), { recursive: true });
    await scene.network.up(scene.bundle, silent);
    await untilPrivate("holder", "peer0.holder");
    expect(await scene.client("holder").query("peer0.holder", "get", "after-gateway.holder")).to.equal("1");
  });

  it("goes on with a peer that was restored from a copy of its folder, older than the ledger", async () => {
    const { layout, processes } = scene.network;
    const data = path.join(layout.node("peer0.exchange"), "data");
    await processes.stop("peer0.exchange");
    await cp(data, `${data}.copy`, { recursive: true });
    await scene.network.up(scene.bundle, silent);
    await put("after-backup");
    await processes.stop("peer0.exchange");
    await rm(data, { recursive: true });
    await rename(`${data}.copy`, data);
    await scene.network.up(scene.bundle, silent);
    const { peers } = scene.network.topology;
    const restored = peers.find(({ id }) => id === "peer0.exchange");
    await untilHeight(scene.tools, restored!, await heightAt(scene.tools, peers[0]!));
    expect(await scene.client("exchange").query("peer0.exchange", "get", "after-backup")).to.equal("1");
  });

  it("makes a peer anew from a snapshot: it has the state and what is private, and not the blocks before", async () => {
    const { network, tools } = scene;
    const [archive, young] = ["peer0.regulator", "peer1.regulator"] as const;
    const blockOne = (at: string): Promise<string> => {
      const peer = network.topology.peers.find(({ id }) => id === at)!;
      const file = path.join(network.layout.root, `${at}.block`);
      return tools.peer("fetching block 1", peer, ["channel", "fetch", "1", file, "-c", network.topology.channel]);
    };
    const restore = (folder: string): Promise<void> => network.restore(young, folder, scene.bundle, silent);
    const snapshot = await network.snapshot(archive, silent);
    expect(String(await failureOf(restore(snapshot)))).to.include("has a ledger");
    await blockOne(young);
    await network.processes.stop(young);
    await rm(path.join(network.layout.node(young), "data"), { recursive: true });
    expect(String(await failureOf(restore(path.dirname(snapshot))))).to.include("is no snapshot");
    await put("after-snapshot");
    await restore(snapshot);
    await untilPrivate("regulator", young);
    const regulator = scene.client("regulator");
    expect(await regulator.query(young, "get", "after-gateway.holder")).to.equal("1");
    await until(async () => ((await regulator.query(young, "get", "after-snapshot")) === "1" ? true : undefined), {
      subject: young,
      purpose: "get the blocks since",
      within: 60_000,
      every: 200,
      advice: "",
    });
    await blockOne(archive);
    expect(await failureOf(blockOne(young))).to.be.instanceOf(NetworkFailure);
  });

  it("makes an orderer anew whose disk was lost, while the others order", async () => {
    const { layout, processes } = scene.network;
    await processes.stop("orderer1.orderer");
    await rm(path.join(layout.node("orderer1.orderer"), "data"), { recursive: true });
    await scene.network.up(scene.bundle, silent);
    await untilLed(scene.tools); // none is behind
    // It takes part again: with one of the others away, nothing is ordered without it.
    await processes.stop("orderer0.orderer");
    await put("after-lost-orderer");
    await processes.assertAlive("orderer1.orderer");
    await scene.network.up(scene.bundle, silent);
    await untilLed(scene.tools);
  });

  it("refuses a revoked client at every peer, and only that one", async () => {
    const peers = scene.network.topology.peers.map(({ id }) => id);
    for (const peer of peers) await scene.client("exchange").query(peer, "get", "after-gateway.holder");
    await scene.network.revoke("gateway.exchange", silent);
    for (const peer of peers) {
      const error = await until(
        async () =>
          scene
            .client("exchange")
            .query(peer, "get", "after-gateway.holder")
            .then(
              () => undefined,
              (caught: unknown) => new Error(String(caught)),
            ),
        { subject: peer, purpose: "refuse", within: 10_000, advice: "" },
      );
      expect(error.message, peer).to.match(/access denied|creator|invalid/i);
    }
    await put("after-revocation");
    // A second revocation of the same name must not empty the list.
    await scene.network.revoke("gateway.exchange", silent);
    const error = await failureOf(scene.client("exchange").query("peer0.exchange", "get", "k"));
    expect(error).to.be.instanceOf(NetworkFailure);
    // With new certificates the same name is welcome again.
    await scene.network.renew("gateway.exchange", silent);
    expect(await scene.client("exchange").query("peer0.exchange", "get", "after-revocation")).to.equal("1");
  });

  it("takes in an organisation: its peer catches up, its collection works, others do not read it", async () => {
    const { layout } = scene.network;
    const topology = JSON.parse(await readFile(layout.topology, "utf8")) as {
      organisations: object[];
      fabric: { peers: object[]; authorities: object[] };
    };
    topology.organisations.push({ name: "bureau", msp: "BureauMSP" });
    topology.fabric.peers.push({ name: "peer0", organisation: "bureau", port: 8140 + PORT_SHIFT });
    topology.fabric.authorities.push({ organisation: "bureau", port: 8030 + PORT_SHIFT });
    const file = path.join(layout.root, "grown", "raft.json");
    await cp(layout.topology, file, { recursive: true });
    await writeFile(file, JSON.stringify(topology));
    const grown = new FabricNetwork(await readFabricTopology(file), layout);

    const refused = await failureOf(grown.up(scene.bundle, silent));
    expect(String(refused)).to.include("network -- extend");
    await grown.extend(scene.bundle, silent);
    await grown.extend(scene.bundle, silent); // safe to repeat

    const tools = await grown.tools(silent);
    const client = (name: string) => new Client(grown, tools, name);
    const [first] = grown.topology.peers;
    const newest = grown.topology.peers.find(({ id }) => id === "peer0.bureau");
    expect(await heightAt(tools, newest!)).to.equal(await heightAt(tools, first!));
    await client("bureau").invoke(["peer0.bureau", "peer0.regulator"], "putPrivate", "org-BureauMSP", "own", "1");
    expect(await client("bureau").query("peer0.bureau", "getPrivate", "org-BureauMSP", "own")).to.equal("1");
    expect(await client("bureau").query("peer0.bureau", "get", "after-gateway.holder")).to.equal("1");
    for (const [who, where] of [
      ["holder", "peer0.bureau"],
      ["bureau", "peer0.holder"],
    ] as const) {
      const collection = who === "holder" ? "org-BureauMSP" : "org-HolderMSP";
      expect(String(await failureOf(client(who).query(where, "getPrivate", collection, "own")))).to.include(
        "does not have read access permission",
      );
    }
  });
});
