import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { decodeError } from "../domain/index.js";
import { FakePeer } from "../testing/fake-peer.js";
import { bundleDigest } from "./approved.js";
import { bundle } from "./build/bundle.js";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

/** Runs a server until it serves or ends. */
async function start(file: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
  const { CORE_PEER_LOCALMSPID: _msp, QUANJI_BUNDLE_SHA256: _digest, ...inherited } = process.env;
  const child = spawn(process.execPath, [file, ...args], { env: { ...inherited, ...environment } });
  let said = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const serves = new Promise<void>((resolve) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString("utf8");
      if (said.includes("serves ")) resolve();
    });
  });
  await Promise.race([serves, ended]);
  return {
    said: () => said,
    code: () => ended,
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

describe("fabric: the chaincode's process", () => {
  const ID = "quanji-1:abc";
  let folder: string;
  let port: number;
  const options = () => ["--chaincode-address", `127.0.0.1:${port}`, "--chaincode-id", ID];

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-bundle-"));
    port = await freePort();
  });
  after(() => rm(folder, { recursive: true }));

  /** A command that no contract takes: the answer shows that the whole of the rules runs. */
  async function assertServes(file: string): Promise<void> {
    const environment = {
      QUANJI_BUNDLE_SHA256: bundleDigest(await readFile(file)),
      CORE_PEER_LOCALMSPID: "HolderMSP",
    };
    const server = await start(file, options(), environment);
    const fake = new FakePeer(`127.0.0.1:${port}`);
    expect(await fake.registered).to.equal(ID);
    const { status, message } = await fake.call({
      args: ["parties:submit", JSON.stringify({ gateway: "holder" })],
      transient: { command: "{}" },
    });
    expect([status, decodeError(message)?.code]).to.deep.equal([500, "MALFORMED"]);
    fake.close();
    await server.stop();
  }

  it("serves as it was compiled", () => assertServes(MAIN));

  it("serves as one bundled file, elsewhere, alone; two builds give the same bytes", async () => {
    const first = await bundle();
    expect(bundleDigest(await bundle())).to.equal(bundleDigest(first));
    const file = path.join(folder, "chaincode.cjs");
    await writeFile(file, first);
    await assertServes(file);
    expect(Buffer.from(first).includes(path.dirname(process.cwd()))).to.equal(false, "it names no folder of a machine");
  });

  for (const [what, environment, args, expected] of [
    ["another bundle than the approved one", { QUANJI_BUNDLE_SHA256: "00" }, undefined, "is not the approved one"],
    ["no word on which one is approved", {}, undefined, "QUANJI_BUNDLE_SHA256 is not set"],
    ["no address", {}, ["--chaincode-id", ID], "--chaincode-address must be"],
    ["no id", {}, ["--chaincode-address", "127.0.0.1:1"], "--chaincode-id must be"],
    ["an unknown option", {}, ["--verbose"], "--verbose"],
  ] as const) {
    it(`does not start with ${what}, and says so`, async () => {
      const server = await start(MAIN, args ?? options(), { CORE_PEER_LOCALMSPID: "HolderMSP", ...environment });
      expect(await server.code()).to.equal(2);
      expect(server.said()).to.contain(expected);
    });
  }

  it("does not start without its peer's MSP", async () => {
    const environment = { QUANJI_BUNDLE_SHA256: bundleDigest(await readFile(MAIN)) };
    const server = await start(MAIN, options(), environment);
    expect(await server.code()).to.equal(2);
    expect(server.said()).to.contain("CORE_PEER_LOCALMSPID is not set");
  });

  it("does not start where the address is taken, and says so", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => void holder.listen(port, "127.0.0.1", resolve));
    const environment = {
      QUANJI_BUNDLE_SHA256: bundleDigest(await readFile(MAIN)),
      CORE_PEER_LOCALMSPID: "HolderMSP",
    };
    const server = await start(MAIN, options(), environment);
    expect(await server.code()).to.equal(2);
    expect(server.said()).to.contain("does not start");
    await new Promise((resolve) => holder.close(resolve));
  });
});
