import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { parseTopology } from "@quanji/gateway/topology";
import { expect } from "chai";
import { adminPort, chaincodePort, operationsPort } from "./ports.js";
import { nodesIn, parseFabricTopology, PROVIDED, readFabricTopology } from "./topology.js";

const organisations = [
  { name: "regulator", msp: "RegulatorMSP" },
  { name: "holder", msp: "HolderMSP" },
];
const peers = [
  { name: "peer0", organisation: "regulator", port: 7100 },
  { name: "peer0", organisation: "holder", port: 7110 },
];
const raft = {
  type: "raft",
  organisations: [{ name: "orderer", msp: "OrdererMSP" }],
  orderers: [{ name: "orderer0", organisation: "orderer", port: 7050 }],
};
const fabric = { identities: "cryptogen", ordering: raft, peers };
const good = { channel: "quanji", organisations, regulator: "RegulatorMSP", fabric };

/** An ordering section of `count` orderers, spread over `owners` organisations. */
const bft = (count: number, owners: number) => ({
  type: "bft",
  organisations: Array.from({ length: owners }, (_, n) => ({ name: `o${n}`, msp: `O${n}MSP` })),
  orderers: Array.from({ length: count }, (_, n) => ({
    name: `orderer${n}`,
    organisation: `o${n % owners}`,
    port: 9000 + 10 * n,
  })),
});

const fieldOf = (input: unknown): string | undefined => {
  try {
    parseFabricTopology(input, "trial");
  } catch (error) {
    if (isQuanjiError(error, "CONFIG_INVALID")) return error.field;
    throw error;
  }
  return "accepted";
};

describe("network/fabric topology", () => {
  for (const name of PROVIDED) {
    it(`reads ${name}, whose organisations the embedded ledger reads too`, async () => {
      const topology = await readFabricTopology(name);
      expect(topology.name).to.equal(name);
      expect(topology.organisations.map(({ msp }) => msp)).to.deep.equal(["RegulatorMSP", "HolderMSP", "ExchangeMSP"]);
      const { channel, organisations: members, regulator, settings } = topology;
      expect(parseTopology({ channel, organisations: members, regulator, fabric: settings })).to.deep.equal({
        channel,
        organisations: members,
        regulator,
      });
    });
  }

  it("gives the regulator two peers where losing one must not stop the network", async () => {
    for (const name of ["raft", "bft"]) {
      const { peers: all, regulator } = await readFabricTopology(name);
      expect(all.filter(({ organisation }) => organisation.msp === regulator)).to.have.length(2);
    }
  });

  it("fills in the tuned times and says which ports a node takes", () => {
    const { settings, orderers, peers: all } = parseFabricTopology(good, "trial");
    expect(settings.ordering.raft).to.deep.equal({ tickMs: 100, electionTicks: 10 });
    expect(settings.waits.pushAckMs).to.equal(200);
    expect(settings.blocks.absoluteBytes).to.equal(16 * 1024 * 1024);
    expect(settings.testClock).to.equal(false);
    expect(orderers.map(({ id }) => id)).to.deep.equal(["orderer0.orderer"]);
    expect(all.map(({ id, host }) => [id, host])).to.deep.equal([
      ["peer0.regulator", "localhost"],
      ["peer0.holder", "localhost"],
    ]);
    expect([adminPort(7050), operationsPort("orderer", 7050)]).to.deep.equal([7051, 7052]);
    expect([operationsPort("peer", 7100), chaincodePort(7100, 0), chaincodePort(7100, 1)]).to.deep.equal([
      7101, 7103, 7104,
    ]);
  });

  it("takes no authority into account where cryptogen makes the keys", () => {
    const authorities = [{ organisation: "regulator", port: 7000 }];
    expect(nodesIn(parseFabricTopology({ ...good, fabric: { ...fabric, authorities } }, "t"))).to.have.length(3);
  });

  const first = peers.slice(0, 1);
  const refused: [string, unknown, string][] = [
    ["a file without nodes", { ...good, fabric: undefined }, "fabric"],
    ["what no ledger accepts", { ...good, regulator: "ElseMSP" }, "regulator"],
    ["an unknown member", { ...good, fabric: { ...fabric, docker: true } }, "fabric"],
    ["an unknown kind of identities", { ...good, fabric: { ...fabric, identities: "self" } }, "fabric.identities"],
    [
      "an unknown ordering",
      { ...good, fabric: { ...fabric, ordering: { ...raft, type: "solo" } } },
      "fabric.ordering.type",
    ],
    [
      "an IP address as host",
      { ...good, fabric: { ...fabric, peers: [{ ...first[0], host: "10.0.0.1" }, peers[1]] } },
      "fabric.peers.0.host",
    ],
    [
      "a peer of nobody",
      { ...good, fabric: { ...fabric, peers: [...peers, { name: "p", organisation: "x", port: 7200 }] } },
      "fabric.peers.2.organisation",
    ],
    [
      "two peers of one name",
      { ...good, fabric: { ...fabric, peers: [...peers, { ...peers[1], port: 7200 }] } },
      "fabric.peers.2",
    ],
    ["an organisation without a peer", { ...good, fabric: { ...fabric, peers: first } }, "fabric"],
    [
      "two processes on one port",
      { ...good, fabric: { ...fabric, peers: [...first, { ...peers[1], port: 7104 }] } },
      "fabric",
    ],
    [
      "an organisation that orders under a member's msp",
      {
        ...good,
        fabric: { ...fabric, ordering: { ...raft, organisations: [{ name: "orderer", msp: "HolderMSP" }] } },
      },
      "fabric.ordering.organisations.0.msp",
    ],
    [
      "an ordering organisation with a member's name",
      {
        ...good,
        fabric: { ...fabric, ordering: { ...raft, organisations: [{ name: "holder", msp: "OrdererMSP" }] } },
      },
      "fabric.ordering.organisations.0.name",
    ],
    ["bft of three", { ...good, fabric: { ...fabric, ordering: bft(3, 3) } }, "fabric.ordering.orderers"],
    [
      "bft of four under two roofs",
      { ...good, fabric: { ...fabric, ordering: bft(4, 2) } },
      "fabric.ordering.orderers",
    ],
    ["authorities that are missing", { ...good, fabric: { ...fabric, identities: "ca" } }, "fabric"],
  ];
  for (const [what, input, field] of refused) {
    it(`refuses ${what}, naming ${field}`, () => expect(fieldOf(input)).to.equal(field));
  }

  it("accepts the same host's ports again on another host", () => {
    const on = (node: object | undefined, host: string) => ({ ...node, host });
    const apart = [on(peers[0], "regulator.example"), { ...on(peers[1], "holder.example"), port: 7100 }];
    const ordering = { ...raft, orderers: [on(raft.orderers[0], "regulator.example")] };
    expect(fieldOf({ ...good, fabric: { ...fabric, ordering, peers: apart } })).to.equal("accepted");
    // but not localhost beside them: every host would take it for itself
    expect(fieldOf({ ...good, fabric: { ...fabric, peers: apart } })).to.equal("fabric");
    expect(fieldOf({ ...good, fabric: { ...fabric, ordering: bft(4, 4) } })).to.equal("accepted");
  });

  it("refuses a file that is absent, no JSON, or not to be named as a folder", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-fabric-"));
    const attempt = (name: string): Promise<unknown> =>
      readFabricTopology(path.join(folder, name)).catch((error: unknown) => error);
    expect(isQuanjiError(await attempt("none.json"), "CONFIG_INVALID")).to.equal(true);
    await writeFile(path.join(folder, "half.json"), "{");
    expect(isQuanjiError(await attempt("half.json"), "CONFIG_INVALID")).to.equal(true);
    await writeFile(path.join(folder, "My Net.json"), JSON.stringify(good));
    expect(isQuanjiError(await attempt("My Net.json"), "CONFIG_INVALID")).to.equal(true);
    await writeFile(path.join(folder, "mine.json"), JSON.stringify(good));
    expect(await attempt("mine.json")).to.include({ name: "mine" });
    await rm(folder, { recursive: true });
  });
});
