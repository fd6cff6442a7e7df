import { rm } from "node:fs/promises";
import path from "node:path";
import { findLeader, silent, untilLed } from "@quanji/network/fabric";
import { expect } from "chai";
import { openScene, type Scene } from "../support/scene.js";

describe("network bft, four orderers of four organisations", () => {
  let scene: Scene;
  before(async () => {
    scene = await openScene("bft");
    await scene.network.up(scene.bundle, silent);
  });
  after(() => scene[Symbol.asyncDispose]());

  const put = (orderers: string | readonly string[], key: string): Promise<number> =>
    scene.client("holder").insist(orderers, ["peer0.holder", "peer0.regulator"], "put", key, "1");

  const everyone = (): string[] => scene.network.topology.orderers.map(({ id }) => id);
  const allBut = (away: string): string[] => everyone().filter((id) => id !== away);

  it("takes transactions at every orderer", async () => {
    for (const { id } of scene.network.topology.orderers) await put(id, `at-${id}`);
  });

  it("is without service for less than ten seconds when the leader is killed, and takes it back", async () => {
    const leader = await findLeader(scene.network.topology);
    const followers = allBut(leader!.id);
    await scene.network.processes.signal(leader!.id, "SIGKILL");
    const ms = await put(followers, "leaderless");
    process.stdout.write(`      ordering again after ${(ms / 1000).toFixed(1)} s\n`);
    expect(ms).to.be.lessThan(10_000);
    await scene.network.up(scene.bundle, silent);
    await put(everyone(), "together-again");
  });

  it("goes on after an orderer's certificates were renewed", async () => {
    await scene.network.renew("orderer0.holder-orderer", silent);
    // It takes part again: without it and one other, there would be too few.
    await scene.network.processes.signal("orderer0.notary-orderer", "SIGKILL");
    await put(allBut("orderer0.notary-orderer"), "renewed-and-needed");
    await scene.network.up(scene.bundle, silent);
    await put(everyone(), "renewed");
  });

  it("makes an orderer anew whose disk was lost, while the others order", async () => {
    const { layout, processes } = scene.network;
    await processes.stop("orderer0.notary-orderer");
    await rm(path.join(layout.node("orderer0.notary-orderer"), "data"), { recursive: true });
    await scene.network.up(scene.bundle, silent);
    await put(["orderer0.notary-orderer", ...everyone()], "after-lost-orderer");
    await untilLed(scene.tools); // none is behind
  });
});
