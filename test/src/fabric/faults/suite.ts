/** What every topology must bear under load, with a gateway on it: each fault, and what it costs. */
import { copyFile, appendFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import path from "node:path";
import { SUBMIT_STEPS } from "@quanji/gateway/fabric";
import { type FabricNetwork, findLeader, silent, untilHeight, heightAt, untilLed } from "@quanji/network/fabric";
import { expect } from "chai";
import { until } from "../../support/until.js";
import { BUNDLE, City, diskOf, type Fault, openNetwork } from "../support/city.js";
import { type Disk, mayMakeDisks } from "../support/disk.js";

/** What an election costs at most: the promise made for a lost leader. */
const LEADERLESS_MS = 10_000;
/** From one peer's ports to the next one's. */
const SPAN = 10;
/** Seconds that a certificate lives in the test; up to half a minute more, since the authority counts from a full minute. */
const SHORT_LIFE = 8;

/** Lines of the gateway's log that are shown where a test fails. */
const SHOWN = 12;

export interface Cast {
  /** The peer whose disk is small. */
  readonly crowded: string;
  /** Whether the gateway's organisation has a second peer. */
  readonly second: boolean;
}

export function faultsOn(topology: string, { crowded, second }: Cast): void {
  describe(`faults under load on ${topology}, with a gateway`, () => {
    let network: FabricNetwork;
    let city: City;
    let disk: Disk | undefined;

    before(async () => {
      network = await openNetwork(topology, ({ fabric: { peers } }) => {
        const [first] = peers.filter(({ organisation }) => organisation === "holder");
        if (second) peers.push({ ...known(first), name: "peer1", port: known(peers.at(-1)).port + SPAN });
      });
      if (mayMakeDisks()) disk = diskOf(network, crowded);
      await network.up(BUNDLE, silent);
      city = await City.on(network);
    });
    after(async () => {
      await city[Symbol.asyncDispose]();
      await network.down(silent);
      disk?.[Symbol.dispose]();
      await network.clean(silent);
    });
    afterEach(function () {
      if (this.currentTest?.state !== "failed") return;
      const lines = city.stage.host.said.split("\n").slice(-SHOWN);
      process.stdout.write(lines.map((line) => `${line.slice(0, 300)}\n`).join(""));
    });

    const kill = (id: string): Promise<void> => network.processes.signal(id, "SIGKILL");
    const restart = (id: string): Promise<void> => network.processes.restart(id);
    /** Orderers and peers that have ended, as an operator or systemd does. */
    const startAgain = (): Promise<void> => network.start(city.tools, silent);
    /** The same, and waits until all peers have what the gateway's own has. */
    const rejoin = async (): Promise<void> => {
      await startAgain();
      const { peers } = network.topology;
      const own = known(peers.find(({ id }) => id === "peer0.holder"));
      const height = await heightAt(city.tools, own);
      await Promise.all(peers.map((peer) => untilHeight(city.tools, peer, height)));
    };
    const serverOf = async (peer: string): Promise<string> => {
      const server = (await network.processes.list()).find(
        ({ kind, id }) => kind === "chaincode" && id.endsWith(`.${peer}`),
      );
      return known(server).id;
    };
    const bears = (fault: Fault): void => {
      it(fault.name, async () => {
        await city.under(fault);
      });
    };

    it("the ordering leader is killed", async () => {
      let leader = "";
      const { silentMs } = await city.under({
        name: "ordering leader killed",
        strike: async () => {
          leader = known(await findLeader(network.topology)).id;
          await kill(leader);
        },
        mend: async () => {
          await startAgain();
          await untilLed(city.tools);
        },
      });
      expect(silentMs).to.be.lessThan(LEADERLESS_MS);
    });

    bears({
      name: "regulator's first peer killed, the second is there",
      strike: () => kill("peer0.regulator"),
      mend: rejoin,
    });

    bears({
      name: "regulator's second peer killed, then the first",
      strike: async () => {
        await kill("peer1.regulator");
        await kill("peer0.regulator");
      },
      out: true,
      mend: rejoin,
    });

    bears({
      name: second ? "the gateway's own peer killed, the second is there" : "the gateway's own peer killed",
      strike: () => kill("peer0.holder"),
      out: !second,
      mend: rejoin,
    });

    if (second) {
      bears({
        name: "all of the gateway's own peers killed",
        strike: async () => {
          await kill("peer1.holder");
          await kill("peer0.holder");
        },
        out: true,
        mend: rejoin,
      });
    }

    bears({
      name: "a third organisation's peer killed",
      strike: () => kill("peer0.exchange"),
      mend: rejoin,
    });

    bears({
      name: "chaincode of the gateway's own peer killed",
      strike: async () => kill(await serverOf("peer0.holder")),
      out: !second,
      mend: async () => restart(await serverOf("peer0.holder")),
    });

    bears({
      name: "chaincode of the regulator's first peer killed",
      strike: async () => kill(await serverOf("peer0.regulator")),
      mend: async () => restart(await serverOf("peer0.regulator")),
    });

    for (const step of SUBMIT_STEPS) {
      bears({
        name: `gateway killed: ${step}`,
        strike: async () => {
          const { host } = city.stage;
          await host.dieAt(step);
          await host.gone();
          await host.start();
        },
        killsGateway: true,
      });
    }

    bears({
      name: "gateway killed: committed, the source asked",
      strike: async () => {
        const { host, source } = city.stage;
        const held = source.hold();
        await held.arrived;
        await host.kill();
        held.release();
        await host.start();
      },
      killsGateway: true,
    });

    it("a peer's disk is full", async function () {
      if (disk === undefined) {
        process.stdout.write("      skipped: mounting a disk needs root\n");
        this.skip();
      }
      const full = disk;
      await city.under({
        name: `disk of ${crowded} full`,
        strike: () => {
          full.fill();
          return Promise.resolve();
        },
        out: crowded === "peer0.holder" && !second,
        mend: async () => {
          full.free();
          // It may still run, and was seen to serve nothing any more although there was room again.
          await network.processes.stop(crowded);
          await startAgain();
        },
      });
    });

    bears({
      name: "the gateway's certificate revoked",
      strike: () => network.revoke("gateway.holder", silent),
      out: true,
      mend: () => network.renew("gateway.holder", silent),
    });

    it("the gateway's certificate expires", async () => {
      await issueFor(network, SHORT_LIFE);
      await network.renew("gateway.holder", silent);
      await issueFor(network, undefined);
      await city.under({
        name: "the gateway's certificate expired",
        strike: () => Promise.resolve(),
        out: true,
        mend: () => network.renew("gateway.holder", silent),
      });
    });

    it("the chaincode is upgraded", async () => {
      const next = path.join(network.layout.root, "next.cjs");
      await copyFile(BUNDLE, next);
      await appendFile(next, "// the next version\n");
      await city.under({ name: "chaincode upgraded", strike: () => network.upgrade(next, silent) });
      await rm(next);
    });

    it("all parties' trails verify in the end", () => city.conclude());
  });
}

function known<T>(found: T | undefined): T {
  if (found === undefined) throw new Error("the network has no such node");
  return found;
}

/** Starts the holder's authority again with another life for its certificates, in seconds; undefined: as it was. */
async function issueFor({ processes }: FabricNetwork, life: number | undefined): Promise<void> {
  const EXPIRY = "FABRIC_CA_SERVER_SIGNING_DEFAULT_EXPIRY";
  const { pid: _pid, started: _started, ...program } = known(await processes.find("ca.holder"));
  const { [EXPIRY]: _before, ...env } = program.env;
  await processes.stop(program.id);
  const minute = Math.round(Date.now() / 60_000) * 60;
  const expiry = life === undefined ? undefined : `${Math.max(1, Math.ceil(Date.now() / 1000 + life) - minute)}s`;
  await processes.start({ ...program, env: { ...env, ...(expiry !== undefined && { [EXPIRY]: expiry }) } });
  const port = Number(program.endpoint.split(":")[1]);
  await until(() => listens(port));
}

const listens = (port: number): Promise<true | undefined> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    const end = (answer: true | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true)).once("error", () => end(undefined));
  });
