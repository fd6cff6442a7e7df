import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  essenceOf,
  FabricNetwork,
  NetworkFailure,
  readFabricTopology,
  silent,
  type Tools,
  until,
} from "@quanji/network/fabric";
import { expect } from "chai";
import { failureOf } from "../../support/until.js";
import { probeBundle } from "../support/bundle.js";
import { Client } from "../support/client.js";
import { Hosts, mayMakeHosts } from "../support/hosts.js";

const MAIN = fileURLToPath(new URL("../../../../network/fabric/dist/main.js", import.meta.url));

const hostOf = (organisation: string): string =>
  `${organisation === "orderer" ? "regulator" : organisation}.quanji.test`;
const HOSTS = ["regulator", "holder", "exchange"].map(hostOf);
const CONTROL = "control.quanji.test";

describe("network on several hosts, each in a network namespace", () => {
  let folder: string;
  let file: string;
  let bundle: string;
  let hosts: Hosts | undefined;
  let network: FabricNetwork;
  let tools: Tools;

  before(async function () {
    if (!mayMakeHosts()) {
      process.stdout.write("      skipped: making network namespaces needs root\n");
      this.skip();
    }
    folder = await mkdtemp(path.join(tmpdir(), "quanji-hosts-"));
    file = path.join(folder, `hosts-${process.pid}.json`);
    const { fabric, ...rest } = structuredClone(essenceOf(await readFabricTopology("small")));
    const place = <T extends { organisation: string; host: string }>(nodes: T[]): T[] =>
      nodes.map((node) => ({ ...node, host: hostOf(node.organisation) }));
    const authorities = ["regulator", "holder", "exchange", "orderer"].map((organisation, index) => ({
      organisation,
      host: hostOf(organisation),
      port: 7000 + 4 * index,
    }));
    await writeFile(
      file,
      JSON.stringify({
        ...rest,
        fabric: {
          ...fabric,
          identities: "ca",
          authorities,
          peers: place(fabric.peers),
          ordering: { ...fabric.ordering, orderers: place(fabric.ordering.orderers) },
        },
      }),
    );
    network = new FabricNetwork(await readFabricTopology(file));
    tools = await network.tools(silent);
    bundle = await probeBundle("hosts");
    hosts = new Hosts([...HOSTS, CONTROL]);
  });

  const programs = (): Record<string, string> => ({
    FABRIC_BIN: path.dirname(tools.binaries("peer")),
    NODE: process.execPath,
  });
  const folderOf = (host: string): string => network.layout.at("hosts", host);
  const there = (): Hosts => {
    if (hosts === undefined) throw new Error("no hosts");
    return hosts;
  };
  const script = (host: string, name: string): string =>
    there().run(host, programs(), "sh", path.join(folderOf(host), name));
  const control = (...args: string[]): string =>
    there().run(CONTROL, programs(), process.execPath, MAIN, ...args, "--topology", file);
  const client = (organisation: string): Client => new Client(network, tools, organisation, there().on(CONTROL));

  after(async () => {
    if (hosts === undefined) return;
    for (const host of HOSTS) {
      hosts.heal(host);
      script(host, "stop.sh");
    }
    hosts[Symbol.dispose]();
    await network.clean(silent);
    await rm(folder, { recursive: true });
    await rm(path.dirname(bundle), { recursive: true });
  });

  it("refuses to run here what belongs on other hosts", async () => {
    const error = await failureOf(network.up(bundle, silent));
    expect((error as NetworkFailure).advice).to.include("network -- bundle");
  });

  it("makes a folder for each host, with the keys of its own nodes only", async () => {
    await network.bundle(bundle, "/opt/quanji", silent);
    const keys = (host: string): string[] =>
      there()
        .run(host, {}, "find", folderOf(host), "-name", "key.pem", "-path", "*msp*")
        .trim()
        .split("\n")
        .map((found) => path.relative(folderOf(host), found).split(path.sep).slice(0, 2).join("/"))
        .sort();
    expect(keys(hostOf("holder"))).to.deep.equal(["nodes/peer0.holder", "organisations/holder"]);
    expect(keys(hostOf("regulator"))).to.deep.equal([
      "nodes/orderer0.orderer",
      "nodes/peer0.regulator",
      "organisations/regulator",
    ]);
    expect((await network.processes.list()).map(({ id }) => id)).to.deep.equal([]); // authorities have moved
  });

  it("starts by one script a host, joins by one command, and commits", async () => {
    for (const host of HOSTS) script(host, "start.sh");
    expect(control("join", "--chaincode", bundle)).to.include("serves");
    expect(control("status")).to.include("peer0.exchange");
    await client("holder").invoke(["peer0.holder", "peer0.regulator"], "put", "across", "1");
    expect(await client("exchange").query("peer0.exchange", "get", "across")).to.equal("1");
  });

  it("goes on while one organisation is cut off, and has it catch up when it is back", async () => {
    there().cut(hostOf("exchange"));
    await client("holder").insist("orderer0.orderer", ["peer0.holder", "peer0.regulator"], "put", "meanwhile", "1");
    expect(await failureOf(client("exchange").query("peer0.exchange", "get", "meanwhile"))).to.be.instanceOf(
      NetworkFailure,
    );
    there().heal(hostOf("exchange"));
    const began = performance.now();
    await until(
      async () =>
        (await client("exchange")
          .query("peer0.exchange", "get", "meanwhile")
          .catch(() => "")) === "1"
          ? true
          : undefined,
      { subject: "peer0.exchange", purpose: "catch up", within: 60_000, every: 200, advice: "" },
    );
    process.stdout.write(`      caught up ${((performance.now() - began) / 1000).toFixed(1)} s after it was back\n`);
  });

  it("ends by one script a host", () => {
    for (const host of HOSTS) {
      script(host, "stop.sh");
      expect(there().run(host, {}, "ss", "-ltnH"), host).to.equal("");
    }
  });
});
