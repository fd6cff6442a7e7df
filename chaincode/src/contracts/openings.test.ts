import { expect } from "chai";
import { parseRecord } from "../domain/index.js";
import { expectRefusal } from "../testing/expect.js";
import { IDS, LOG, type Name, NET, type SendOptions, TestNetwork } from "../testing/test-network.js";
import { privateKeys, type StoredBatch, type StoredCommand, type StoredOpenings } from "../world/index.js";

const RES = "res/weather.daily";

describe("contracts: erasures", () => {
  let network: TestNetwork;
  let grant: string;
  let stored: StoredBatch;

  const idAt = (index: number): string => parseRecord(stored.records[index - stored.first]!).body.id;
  const erase = (
    by: Name,
    indexes: readonly number[],
    change: object = {},
    { firsts = indexes.map(() => stored.first), ...options }: SendOptions & { readonly firsts?: unknown } = {},
  ): Promise<void> => {
    const records = indexes.map((index) => ({ id: idAt(index), index, fields: ["operator"] }));
    const payload = { net: NET, resource: RES, log: LOG, records, basis: "request", ...change };
    return network.send(by, "record.erase", payload, {
      ...options,
      transient: { firsts: typeof firsts === "string" ? firsts : JSON.stringify(firsts) },
    });
  };
  const kept = (generation: number): StoredOpenings | undefined =>
    network.private(privateKeys.said(LOG, stored.first, generation)) as StoredOpenings | undefined;
  const batch = (): string => JSON.stringify(stored);

  beforeEach(async () => {
    network = await TestNetwork.begin();
    await network.registerResource("bureau", RES);
    grant = await network.granted("insurer", RES, "bureau");
    const use = () => network.access("insurer", { grant });
    ({ stored } = await network.record([await use(), await use(), await use()]));
  });

  it("openings stand apart from the records, under a salt", () => {
    expect(batch()).not.to.contain("desk 7");
    expect(Object.keys(kept(0)?.value ?? {})).to.deep.equal(["0", "1", "2"]);
    expect(kept(0)?.salt).to.have.length(43);
  });

  it("take the value out of every generation, and leave the records and the others' openings", async () => {
    const before = network.state.values.get(`org-HolderMSP\u0000${privateKeys.batch(LOG, stored.first)}`);
    await erase("insurer", [1]);
    expect(kept(0)).to.equal(undefined);
    expect(Object.keys(kept(1)?.value ?? {})).to.deep.equal(["0", "2"]);
    await erase("bureau", [0]);
    await erase("regulator", [2], { basis: "order" });
    expect([...network.state.values.keys()].filter((key) => key.includes("\u0000said/"))).to.deep.equal([]);
    expect([...network.state.values.values()].join("")).not.to.contain("desk 7");
    expect(network.state.values.get(`org-HolderMSP\u0000${privateKeys.batch(LOG, stored.first)}`)).to.equal(before);
  });

  it("are commands in the chain of the resource's openings and of their signer, in the private collection", async () => {
    await erase("insurer", [0, 2]);
    const [command] = [...network.state.values]
      .filter(([key]) => key.startsWith("org-HolderMSP\u0000command/"))
      .map(([, text]) => JSON.parse(text) as StoredCommand)
      .filter(({ entry }) => entry.includes("record.erase"));
    const scope = `${NET}/org-HolderMSP`;
    expect(command?.chains).to.deep.equal([
      { scope, kind: "openings", id: RES, n: 1 },
      { scope, kind: "acts", id: IDS.insurer, n: command?.chains[1]?.n },
    ]);
  });

  it("are told where the records are stored, and believe nothing that is not so", async () => {
    await expectRefusal(erase("insurer", [0], {}, { firsts: "no JSON" }), "MALFORMED");
    await expectRefusal(erase("insurer", [0], {}, { firsts: [] }), "MALFORMED");
    await expectRefusal(erase("insurer", [0], {}, { firsts: [7] }), "NOT_FOUND");
    await network.record([await network.access("insurer", { grant })]);
    await expectRefusal(erase("insurer", [0], {}, { firsts: [3] }), "NOT_FOUND");
  });

  it("are for the requester, the steward and the regulator alone", async () => {
    for (const name of ["stranger", "operator", "legal"] as const) await expectRefusal(erase(name, [0]), "NOT_FOUND");
    expect(Object.keys(kept(0)?.value ?? {})).to.have.length(3);
  });

  it("name a record by id, index, log and resource, in order, and fields that can be erased", async () => {
    const one = { id: idAt(0), index: 0, fields: ["operator"] };
    for (const [records, code] of [
      [[{ ...one, id: idAt(1) }], "NOT_FOUND"],
      [[{ ...one, index: 1 }], "NOT_FOUND"],
      [[one, one], "MALFORMED"],
      [[{ ...one, fields: ["links.resource"] }], "MALFORMED"],
      [[{ ...one, fields: ["operator", "operator"] }], "MALFORMED"],
      [[{ ...one, fields: [] }], "MALFORMED"],
      [[], "MALFORMED"],
      [[{ ...one, fields: ["query"] }], "STATE_CONFLICT"],
    ] as const) {
      await expectRefusal(erase("insurer", [0], { records }), code);
    }
    await expectRefusal(erase("insurer", [0], { resource: "res/other" }), "NOT_FOUND");
    await expectRefusal(erase("insurer", [0], { log: `${NET}/holder/1` }), "NOT_FOUND");
    await expectRefusal(erase("insurer", [0], { basis: "because" }), "MALFORMED");
    expect(Object.keys(kept(0)?.value ?? {})).to.have.length(3);
  });

  it("come once, and are all of them or none", async () => {
    await erase("insurer", [0]);
    await expectRefusal(erase("insurer", [0]), "STATE_CONFLICT", "ERASED");
    await expectRefusal(erase("insurer", [0, 1]), "STATE_CONFLICT", "ERASED");
    expect(Object.keys(kept(1)?.value ?? {})).to.deep.equal(["1", "2"]);
  });

  it("are of accesses; a delivery has nothing of its own", async () => {
    const delivery = {
      ...network.item(),
      type: "delivery" as const,
      access: 0,
      first: 0,
      bytes: 1,
      digest: "A".repeat(43),
      masked: [],
      outcome: "delivered" as const,
      rows: 1,
    };
    ({ stored } = await network.record([delivery]));
    await expectRefusal(erase("insurer", [3]), "NOT_FOUND");
  });

  it("do not stand in the way of accesses: a batch recorded meanwhile changes nothing that they read", async () => {
    await erase("insurer", [0]);
    const read = [...(network.lastEffects?.reads ?? [])];
    await network.record([await network.access("insurer", { grant })]);
    const written = [...(network.lastEffects?.writes.keys() ?? [])];
    expect(read.filter((key) => written.includes(key))).to.deep.equal([]);
  });
});
