import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isQuanjiError, isSocialCreditCode } from "@quanji/chaincode/domain";
import { formatVkey, NOTE_TYPES } from "@quanji/chaincode/log";
import { expect } from "chai";
import { seededSigner } from "../witness/testing/trees.js";
import { configOf, type Environment, fileTextOf, loadConfig, quorumOf } from "./config.js";
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

  describe("of witnesses", () => {
    const row = (name: string) => ({
      url: `https://${name}.test`,
      vkey: formatVkey(seededSigner(`${name}.test/w`, NOTE_TYPES.cosignature).key),
      headsKey: formatVkey(seededSigner(`${name}.test/w/heads`, NOTE_TYPES.ed25519).key),
      organisation: name,
    });
    const [a, b, c, d] = [row("a"), row("b"), row("c"), row("d")];
    const four = [a, b, c, d];

    it("takes all but a third as the quorum, or the number that is given", () => {
      const quorums = [1, 2, 3, 4].map((n) => quorumOf(of({ witnesses: four.slice(0, n) })));
      expect(quorums).to.deep.equal([1, 2, 3, 3]);
      expect(quorumOf(of({ witnesses: four, quorum: 4 }))).to.equal(4);
      expect(of({ witnesses: [a] }).witnesses[0]?.absence).to.equal(false);
    });

    for (const [name, input, field] of [
      ["a URL with a user", { witnesses: [{ ...a, url: "https://me@a.test" }] }, "witnesses.0.url"],
      ["a URL with a final slash", { witnesses: [a, { ...b, url: "https://b.test/" }] }, "witnesses.1.url"],
      ["a heads key as cosigning key", { witnesses: [{ ...a, vkey: a.headsKey }] }, "witnesses.0.vkey"],
      ["a cosigning key as heads key", { witnesses: [{ ...a, headsKey: a.vkey }] }, "witnesses.0.headsKey"],
      ["an organisation with a dash", { witnesses: [{ ...a, organisation: "a-b" }] }, "witnesses.0.organisation"],
      ["no organisation", { witnesses: [{ ...a, organisation: undefined }] }, "witnesses.0.organisation"],
      ["an organisation twice", { witnesses: [a, { ...b, organisation: "a" }] }, "witnesses.1.organisation"],
      ["a key twice", { witnesses: [a, { ...b, vkey: a.vkey }] }, "witnesses.1.vkey"],
      ["a heads key twice", { witnesses: [a, { ...b, headsKey: a.headsKey }] }, "witnesses.1.headsKey"],
      ["a heads key as key of block notes", { witnesses: [{ ...a, blocksKey: a.headsKey }] }, "witnesses.0.blocksKey"],
      ["a cosigning key as key of block notes", { witnesses: [{ ...a, blocksKey: a.vkey }] }, "witnesses.0.blocksKey"],
      ["an address twice", { witnesses: [a, { ...b, url: a.url }] }, "witnesses.1.url"],
      ["a quorum of none", { quorum: 1 }, "quorum"],
      ["a quorum of more than there are", { witnesses: four, quorum: 5 }, "quorum"],
      ["a quorum that two halves reach", { witnesses: four, quorum: 2 }, "quorum"],
      [
        "blocks of a Fabric network",
        { ledger: "fabric", fabric: { profile: "p" }, publishBlocks: true },
        "publishBlocks",
      ],
    ] as const) {
      it(`names ${field} for ${name}`, () => {
        expect(fieldOf(() => of(input))).to.equal(field);
      });
    }

    it("refuses one key material under two purposes", () => {
      const same = seededSigner("x", NOTE_TYPES.ed25519, "same");
      const other = seededSigner("y", NOTE_TYPES.cosignature, "same");
      const both = { ...a, vkey: formatVkey(other.key), headsKey: formatVkey(same.key) };
      expect(fieldOf(() => of({ witnesses: [both] }))).to.equal("witnesses.0.headsKey");
    });
  });

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
