import { createConnection, createServer } from "node:net";
import { isAlive, NetworkFailure, progressTo, silent } from "@quanji/network/fabric";
import { expect } from "chai";
import { failureOf } from "../../support/until.js";
import { probeBundle } from "../support/bundle.js";
import { openScene, PORT_SHIFT, type Scene } from "../support/scene.js";

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

/** Every port that a node of `small` may take. */
const PORTS = [7050, 7100, 7110, 7120].flatMap((port) =>
  Array.from({ length: 5 }, (_, index) => PORT_SHIFT + port + index),
);

describe("network small", () => {
  let scene: Scene;
  before(async () => (scene = await openScene("small")));
  after(() => scene[Symbol.asyncDispose]());

  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error = await failureOf(work);
    expect(error).to.be.instanceOf(NetworkFailure);
    return (error as NetworkFailure).message;
  };
  const pids = async (): Promise<Map<string, number>> =>
    new Map((await scene.network.processes.list()).map(({ id, pid }) => [id, pid]));

  it("comes up from nothing to a chaincode that serves", async () => {
    const lines: string[] = [];
    const progress = progressTo((line) => lines.push(line));
    await scene.network.up(scene.bundle, progress);
    await scene.client("holder").invoke(["peer0.holder", "peer0.regulator"], "put", "first", "1");
    lines.push(`      first commit after ${progress.elapsed().toFixed(1)} s\n`);
    process.stdout.write(lines.at(-1) ?? "");
    expect(lines.join("")).to.match(/orderer0\.orderer leads[\s\S]*sequence 1 committed/);
    expect(await pids()).to.have.length(7);
  });

  it("does nothing when it is up", async () => {
    const before = await pids();
    const height = await scene.tools.peer("x", scene.network.topology.peers[0]!, [
      "channel",
      "getinfo",
      "-c",
      "quanji",
    ]);
    await scene.network.up(scene.bundle, silent);
    expect(await pids()).to.deep.equal(before);
    expect(
      await scene.tools.peer("x", scene.network.topology.peers[0]!, ["channel", "getinfo", "-c", "quanji"]),
    ).to.equal(height);
  });

  it("does not start on a port that another process has, and says so", async () => {
    await scene.network.processes.stop("peer0.exchange");
    const other = createServer().listen(7121 + PORT_SHIFT, "127.0.0.1");
    expect(await refusal(scene.network.up(scene.bundle, silent))).to.include("peer0.exchange: needs port 17121");
    await new Promise((resolve) => other.close(resolve));
    await scene.network.up(scene.bundle, silent);
  });

  it("starts again what was killed, and nothing else", async () => {
    const before = await pids();
    await scene.network.processes.signal("peer0.exchange", "SIGKILL");
    await scene.network.processes.signal(
      [...before.keys()].find((id) => id.endsWith(".peer0.holder"))!,
      "SIGKILL",
    );
    await scene.network.up(scene.bundle, silent);
    const after = await pids();
    const changed = [...after].filter(([id, pid]) => before.get(id) !== pid).map(([id]) => id);
    expect(changed.map((id) => id.replace(/^quanji-[0-9a-f]{12}\./, "")).sort()).to.deep.equal([
      "peer0.exchange",
      "peer0.holder",
    ]);
    expect(await scene.client("exchange").query("peer0.exchange", "get", "first")).to.equal("1");
  });

  it("takes public writes by the regulator and one other, not by less", async () => {
    const holder = scene.client("holder");
    await holder.invoke(["peer0.exchange", "peer0.regulator"], "put", "k", "2");
    for (const endorsers of [["peer0.holder"], ["peer0.regulator"], ["peer0.holder", "peer0.exchange"]]) {
      expect(await refusal(holder.invoke(endorsers, "put", "k", "3")), endorsers.join()).to.include(
        "ENDORSEMENT_POLICY_FAILURE",
      );
    }
    expect(await holder.query("peer0.holder", "get", "k")).to.equal("2");
  });

  describe("a collection of an organisation and the regulator", () => {
    const COLLECTION = "org-HolderMSP";

    it("is written by both together and read by the clients of both", async () => {
      await scene
        .client("holder")
        .invoke(["peer0.holder", "peer0.regulator"], "putPrivate", COLLECTION, "terms", "secret");
      expect(await scene.client("holder").query("peer0.holder", "getPrivate", COLLECTION, "terms")).to.equal("secret");
      expect(await scene.client("regulator").query("peer0.regulator", "getPrivate", COLLECTION, "terms")).to.equal(
        "secret",
      );
    });

    it("is not read by a third organisation's client, at any peer", async () => {
      for (const peer of ["peer0.holder", "peer0.regulator", "peer0.exchange"]) {
        const why = await refusal(scene.client("exchange").query(peer, "getPrivate", COLLECTION, "terms"));
        expect(why, peer).to.include("does not have read access permission").and.not.include("secret");
      }
    });

    it("is not read at a third organisation's peer, by anybody", async () => {
      const why = await refusal(scene.client("holder").query("peer0.exchange", "getPrivate", COLLECTION, "terms"));
      expect(why)
        .to.match(/private data|not found|collection/i)
        .and.not.include("secret");
    });

    it("is not written by a third organisation's client, whoever endorses", async () => {
      for (const endorsers of [
        ["peer0.holder", "peer0.regulator"],
        ["peer0.exchange", "peer0.regulator"],
      ]) {
        const work = scene.client("exchange").invoke(endorsers, "putPrivate", COLLECTION, "terms", "forged");
        expect(await refusal(work)).to.include("does not have write access permission");
      }
    });

    it("is not written by one of its two members alone, nor with a third", async () => {
      for (const endorsers of [["peer0.holder"], ["peer0.regulator"], ["peer0.regulator", "peer0.exchange"]]) {
        const work = scene.client("regulator").invoke(endorsers, "putPrivate", COLLECTION, "terms", "forged");
        expect(await refusal(work), endorsers.join()).to.match(/ENDORSEMENT_POLICY_FAILURE|access permission/);
      }
      expect(await scene.client("holder").query("peer0.holder", "getPrivate", COLLECTION, "terms")).to.equal("secret");
    });
  });

  describe("over its life", () => {
    it("upgrades the chaincode while traffic goes on, and ends the old servers", async () => {
      const holder = scene.client("holder");
      const next = await probeBundle("2");
      const traffic = { goesOn: true };
      const upgrading = scene.network.upgrade(next, silent).finally(() => (traffic.goesOn = false));
      let committed = 0;
      const failures: string[] = [];
      do {
        const work = holder.invoke(
          ["peer0.holder", "peer0.regulator"],
          "put",
          `upgrade-${committed + failures.length}`,
          "",
        );
        await work.then(
          () => (committed += 1),
          (error: unknown) => failures.push(String(error)),
        );
      } while (traffic.goesOn);
      await upgrading;
      // A conflict with the new definition, or its change amid an endorsement: a client tries again. Nothing else goes wrong.
      const isOfChange = (failure: string): boolean => /MVCC_READ_CONFLICT|changed during invoke/.test(failure);
      expect(failures.filter((failure) => !isOfChange(failure))).to.deep.equal([]);
      expect(committed).to.be.greaterThan(failures.length);
      const servers = [...(await pids()).keys()].filter((id) => id.startsWith("quanji-"));
      expect(servers).to.have.length(3);
      expect(await holder.query("peer0.holder", "getPrivate", "org-HolderMSP", "terms")).to.equal("secret");
    });

    it("goes down without leaving a process or a port, and comes up again with what it had", async () => {
      const records = await scene.network.processes.list();
      await scene.network.down(silent);
      expect(await Promise.all(records.map(isAlive))).to.not.include(true);
      expect(await Promise.all(PORTS.map(isOpen))).to.not.include(true);
      await scene.network.up(await probeBundle("2"), silent);
      expect(await scene.client("holder").query("peer0.holder", "get", "first")).to.equal("1");
    });
  });
});
