import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { Folders } from "../embedded/testing/open.js";
import { newCertificate } from "./testing/certificate.js";
import { readProfile } from "./profile.js";

const node = (name: string, msp: string) => ({ name, msp, endpoint: "localhost:7051", tlsRoot: "tls.pem" });

const PROFILE = {
  v: "quanji.fabric.v1",
  topology: "small",
  channel: "quanji",
  chaincode: "quanji",
  regulator: "RegulatorMSP",
  organisations: [
    { name: "regulator", msp: "RegulatorMSP" },
    { name: "holder", msp: "HolderMSP" },
  ],
  ordering: "raft",
  testClock: true,
  organisation: "holder",
  msp: "HolderMSP",
  identity: { certificate: "keys/cert.pem", privateKey: "keys/key.pem" },
  peers: [
    node("peer0.regulator", "RegulatorMSP"),
    node("peer0.holder", "HolderMSP"),
    node("peer1.holder", "HolderMSP"),
  ],
  orderers: [node("orderer0", "OrdererMSP")],
};

describe("fabric: the connection profile", () => {
  const folders = new Folders();
  after(() => folders.clear());

  async function written(change: object = {}, files: Readonly<Record<string, string>> = {}): Promise<string> {
    const folder = await folders.make();
    await mkdir(path.join(folder, "keys"));
    const { certificate, privateKey } = await newCertificate();
    const all = { "keys/cert.pem": certificate, "keys/key.pem": privateKey, "tls.pem": certificate, ...files };
    for (const [name, text] of Object.entries(all)) await writeFile(path.join(folder, name), text);
    const profile = path.join(folder, "gateway-holder.json");
    await writeFile(profile, JSON.stringify({ ...PROFILE, ...change }));
    return profile;
  }

  it("is read with the files that it names, own peers first", async () => {
    const profile = await readProfile(await written());
    expect(profile.peers.map(({ name }) => name)).to.deep.equal(["peer0.holder", "peer1.holder", "peer0.regulator"]);
    expect(profile.ownPeers).to.have.length(2);
    expect(profile.topology).to.deep.include({ channel: "quanji", regulator: "RegulatorMSP" });
    expect(profile.ownPeers[0]?.tlsRoot).to.contain("BEGIN CERTIFICATE");
  });

  for (const [what, change, files, expected] of [
    ["an unknown member", { colour: "red" }, {}, "colour"],
    ["another version", { v: "quanji.fabric.v2" }, {}, "v:"],
    ["no peer of its own", { msp: "ExchangeMSP" }, {}, "none is of ExchangeMSP"],
    ["an address without a port", { orderers: [{ ...node("o", "O"), endpoint: "localhost" }] }, {}, "HOST:PORT"],
    [
      "a file that is not there",
      { identity: { certificate: "none.pem", privateKey: "keys/key.pem" } },
      {},
      "none.pem cannot be read",
    ],
    ["a key that is no key", {}, { "keys/key.pem": "no key" }, "no PEM"],
    [
      "a key of another certificate",
      {},
      {
        "keys/key.pem": generateKeyPairSync("ec", { namedCurve: "P-256" })
          .privateKey.export({ format: "pem", type: "pkcs8" })
          .toString(),
      },
      "does not belong",
    ],
  ] as const) {
    it(`is refused with ${what}`, async () => {
      const error = await readProfile(await written(change, files)).catch((thrown: unknown) => thrown);
      expect(isQuanjiError(error, "CONFIG_INVALID") && error.field).to.equal("fabric.profile");
      expect((error as Error).message).to.contain(expected);
    });
  }

  it("is refused if it is not there, or is not JSON", async () => {
    const folder = await folders.make();
    const absent = await readProfile(path.join(folder, "a.json")).catch((thrown: unknown) => thrown);
    expect((absent as Error).message).to.contain("npm run network -- up");
    await writeFile(path.join(folder, "b.json"), "{");
    const broken = await readProfile(path.join(folder, "b.json")).catch((thrown: unknown) => thrown);
    expect((broken as Error).message).to.contain("is not JSON");
  });
});
