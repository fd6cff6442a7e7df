import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { mspsOf, parseTopology, readTopology } from "./topology.js";

const good = {
  channel: "quanji",
  organisations: [
    { name: "regulator", msp: "RegulatorMSP" },
    { name: "holder", msp: "HolderMSP" },
  ],
  regulator: "RegulatorMSP",
};

const fieldOf = (input: unknown): string | undefined => {
  try {
    parseTopology(input);
  } catch (error) {
    if (isQuanjiError(error, "CONFIG_INVALID")) return error.field;
    throw error;
  }
  return "accepted";
};

describe("topology", () => {
  it("accepts the file of the project, regulator first", async () => {
    const file = new URL("../../../network/topology.json", import.meta.url);
    const topology = parseTopology(JSON.parse(await readFile(file, "utf8")));
    expect(mspsOf(topology)).to.deep.equal(["RegulatorMSP", "HolderMSP", "ExchangeMSP"]);
    expect(topology.regulator).to.equal("RegulatorMSP");
  });

  const refused: [string, unknown, string][] = [
    ["no object", 7, "topology"],
    ["a missing channel", { ...good, channel: undefined }, "channel"],
    ["a channel that Fabric would refuse", { ...good, channel: "Quanji" }, "channel"],
    ["an unknown member", { ...good, peers: 3 }, "topology"],
    ["a single organisation", { ...good, organisations: good.organisations.slice(0, 1) }, "organisations"],
    [
      "an unknown member of an organisation",
      { ...good, organisations: [good.organisations[0], { ...good.organisations[1], x: 1 }] },
      "organisations.1",
    ],
    [
      "a repeated msp",
      { ...good, organisations: [...good.organisations, { name: "other", msp: "HolderMSP" }] },
      "organisations.2.msp",
    ],
    [
      "a repeated name",
      { ...good, organisations: [...good.organisations, { name: "holder", msp: "OtherMSP" }] },
      "organisations.2.name",
    ],
    [
      "a member that takes the orderer's msp",
      { ...good, organisations: [...good.organisations, { name: "orderer", msp: "OrdererMSP" }] },
      "organisations.2.msp",
    ],
    [
      "an msp that leaves its folder",
      { ...good, organisations: [...good.organisations, { name: "x", msp: "../x" }] },
      "organisations.2.msp",
    ],
    ["a regulator that is no organisation", { ...good, regulator: "ElseMSP" }, "regulator"],
  ];
  for (const [what, input, field] of refused) {
    it(`refuses ${what}, naming ${field}`, () => expect(fieldOf(input)).to.equal(field));
  }

  it("refuses a file that is absent or no JSON", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "quanji-topology-"));
    const file = path.join(folder, "topology.json");
    const attempt = async (): Promise<unknown> => readTopology(file).catch((error: unknown) => error);
    expect(isQuanjiError(await attempt(), "CONFIG_INVALID")).to.equal(true);
    await writeFile(file, "{");
    expect(isQuanjiError(await attempt(), "CONFIG_INVALID")).to.equal(true);
    await writeFile(file, JSON.stringify(good));
    expect(await attempt()).to.deep.equal(good);
    await rm(folder, { recursive: true });
  });
});
