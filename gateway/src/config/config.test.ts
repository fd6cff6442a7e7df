import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError, isSocialCreditCode } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { configOf, type Environment, fileTextOf, loadConfig } from "./config.js";
import { LiveSources } from "./sources.js";

const of = (input: unknown, environment: Environment = {}) =>
  configOf({ data: "/data", file: "/data/gateway.json", input, environment });

const fieldOf = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (error) {
    if (isQuanjiError(error, "CONFIG_INVALID")) return error.field;
    throw error;
  }
  return undefined;
};

describe("config", () => {
  it("needs no file: loopback, port 8080, an embedded ledger, and ids that are well-formed", () => {
    const config = of({});
    expect(config).to.include({
      host: "127.0.0.1",
      port: 8080,
      publicUrl: "http://127.0.0.1:8080",
      ledger: "embedded",
    });
    expect(isSocialCreditCode(config.regulator.party)).to.equal(true);
    expect(config.network.net).to.equal("quanji.local/demo");
  });

  it("reads back what it writes at the first start", () => {
    const config = of({ port: 9090, network: { net: "quanji.test/a", testClock: true } });
    expect(of(JSON.parse(fileTextOf(config)))).to.deep.equal(config);
  });

  it("lets the environment override the file, and the port give the public URL where none is set", () => {
    expect(of({ port: 1 }, { QUANJI_PORT: "8123" })).to.include({ port: 8123, publicUrl: "http://127.0.0.1:8123" });
    expect(of({ publicUrl: "https://a.test" }, { QUANJI_PUBLIC_URL: "https://b.test" }).publicUrl).to.equal(
      "https://b.test",
    );
    expect(of({ port: 7 }, { QUANJI_PORT: "" }).port).to.equal(7);
  });

  it("takes a Fabric network's profile from the file's folder or the environment, and writes both down", () => {
    const config = of(
      { ledger: "fabric", fabric: { profile: "../net/gateway-holder.json" } },
      { LEDGER_CLIENT: "fabric-network" },
    );
    expect(config.fabric).to.deep.equal({ client: "fabric-network", profile: "/net/gateway-holder.json" });
    expect(of({}, { LEDGER: "fabric", QUANJI_FABRIC_PROFILE: "/net/a.json" })).to.deep.include({
      ledger: "fabric",
      fabric: { client: "fabric-gateway", profile: "/net/a.json" },
    });
    expect(of(JSON.parse(fileTextOf(config)))).to.deep.equal(config);
  });

  for (const [name, input, field] of [
    ["a Fabric network without a profile", { ledger: "fabric" }, "fabric.profile"],
    ["a topology beside a profile", { ledger: "fabric", fabric: { profile: "a" }, topology: "t.json" }, "topology"],
    ["an unknown member", { prot: 8080 }, "prot"],
    ["an unknown member deeper down", { limits: { connection: 1 } }, "limits.connection"],
    ["a port that is none", { port: 70_000 }, "port"],
    ["a public URL with a path", { publicUrl: "https://a.test/x" }, "publicUrl"],
    ["a regulator whose check character is wrong", { regulator: { party: "11100000MBQJ00056K" } }, "regulator.party"],
    ["another ledger", { ledger: "paper" }, "ledger"],
    ["a list in place of the object", [], "gateway.json"],
    ["port 0 without a public URL", { port: 0 }, "publicUrl"],
  ] as const) {
    it(`names ${field} for ${name}`, () => {
      expect(fieldOf(() => of(input))).to.equal(field);
    });
  }

  for (const [variable, value] of [
    ["QUANJI_PORT", "eighty"],
    ["QUANJI_PORT", "-1"],
    ["QUANJI_PUBLIC_URL", "gateway.test"],
    ["LEDGER", "paper"],
    ["LEDGER_CLIENT", "telnet"],
  ] as const) {
    it(`names ${variable} for ${value}`, () => {
      expect(fieldOf(() => of({}, { [variable]: value }))).to.equal(variable);
    });
  }

  describe("in a folder", () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(path.join(tmpdir(), "quanji-config-"));
    });
    afterEach(() => rm(folder, { recursive: true }));

    it("takes the folder from QUANJI_DATA, else ./data", async () => {
      expect((await loadConfig({ QUANJI_DATA: folder }, "/")).data).to.equal(folder);
      expect((await loadConfig({}, folder)).data).to.equal(path.join(folder, "data"));
    });

    it("says so if the file is not JSON", async () => {
      await writeFile(path.join(folder, "gateway.json"), "{");
      const error = await loadConfig({ QUANJI_DATA: folder }, "/").catch((thrown: unknown) => thrown);
      expect(isQuanjiError(error, "CONFIG_INVALID") && error.field).to.equal("gateway.json");
    });

    it("takes over changed sources without a restart, and keeps the old ones while the file is damaged", async () => {
      const file = path.join(folder, "gateway.json");
      const binding = (name: string) => ({
        kind: "file",
        format: "csv",
        path: name,
        resource: "res/a",
        steward: "11100000MBQJ00056J",
      });
      const write = (sources: unknown) => writeFile(file, JSON.stringify({ sources }));
      let now = 0;
      const reports: unknown[] = [];
      const live = await LiveSources.open({ file, clock: () => now, report: (error) => reports.push(error) });
      expect(await live.current()).to.deep.equal([]);
      const paths = async () => {
        now += 1_001;
        return (await live.current()).map((source) => "path" in source && source.path);
      };
      await write([binding("one.csv")]);
      expect(await paths()).to.deep.equal(["one.csv"]);
      await writeFile(file, "{ half");
      expect(await paths()).to.deep.equal(["one.csv"]);
      expect(await paths()).to.deep.equal(["one.csv"]);
      expect(reports).to.have.length(1);
      await write([binding("../elsewhere/two-files.csv")]);
      await paths();
      await write([binding("three.csv")]);
      expect(await paths()).to.deep.equal(["three.csv"]);
    });
  });
});
