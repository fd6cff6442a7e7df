/** Anchored evidence, from a real gateway and a real EVM to an offline verdict: by the programs that users run. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { canonical } from "@quanji/chaincode/log";
import { openAnchor } from "@quanji/client/verify";
import { anchorAt, deployAnchor, type LocalNode, registerLog, startNode } from "@quanji/network/evm";
import { expect } from "chai";
import { JsonRpcProvider, Wallet } from "ethers";
import { LocalHost, LOG } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { Stage } from "../support/stage.js";
import { until } from "../support/until.js";

const CONFIRMATIONS = 2;

describe("anchored evidence", () => {
  let node: LocalNode;
  let provider: JsonRpcProvider;
  let stage: Stage<LocalHost>;
  let folder: string;
  let grant: string;
  let block: string;
  let contract: string;
  let address: string;
  let anchor: Readonly<Record<string, unknown>>;
  let variables: Readonly<Record<string, string>>;

  const at = (name: string): string => path.join(folder, name);
  const quanji = (...argv: string[]): Promise<Ran> =>
    runProgram([QUANJI, ...argv, "--trust", stage.trustFile, "--json"], {
      QUANJI_CONFIG: at("config.json"),
      QUANJI_GATEWAY: address,
    });
  const said = ({ out }: Ran): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;
  const mine = (blocks: number): Promise<unknown> => provider.send("anvil_mine", [`0x${blocks.toString(16)}`]);
  const served = async (name: string): Promise<Response> => fetch(`${address}/v1/logs/0/anchor/${name}`);
  const newest = async (): Promise<Uint8Array | undefined> => {
    const response = await served("newest");
    const bytes = new Uint8Array(await response.arrayBuffer());
    return response.ok ? bytes : undefined;
  };

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-anchored-"));
    node = await startNode();
    provider = new JsonRpcProvider(node.endpoint, node.chain, { staticNetwork: true, cacheTimeout: -1 });
    provider.pollingInterval = 20;
    const [registrar, publisher] = node.keys.map((key) => new Wallet(key, provider));
    const deployed = await deployAnchor(registrar!, registrar!.address);
    contract = deployed.address;
    await registerLog(await anchorAt(contract, registrar!), LOG, [publisher!.address]);
    anchor = {
      endpoint: node.endpoint,
      chain: node.chain,
      contract,
      fromBlock: deployed.block,
      confirmations: CONFIRMATIONS,
      everyMs: 1,
      lookMs: 5,
    };
    variables = { QUANJI_ANCHOR_KEY: node.keys[1]! };
    stage = await Stage.open({ config: { anchor }, variables });
    ({ address } = stage.host);
    grant = await stage.granted();
    const { request = "" } = await stage.use("insurer", stage.access(grant));
    const client = await stage.client("insurer");
    const { access } = await client.receipt(request);
    await writeFile(at("use.receipt.json"), canonical(access.jws, { maxBytes: 1 << 18, maxDepth: 4 }));
    const lines: string[] = [];
    for await (const line of client.trail("grant", grant)) lines.push(`${line}\n`);
    await writeFile(at("grant.trail.ndjson"), lines.join(""));
    const trail = lines.join("");
    const last = Math.max(...[...trail.matchAll(/\\"index\\":(\d+)/g)].map(([, index]) => Number(index)));
    // Each head waits for blocks to stand on it, and this chain makes them only when told.
    const anchored = await until(async () => {
      await mine(1);
      const bytes = await newest();
      return bytes !== undefined && openAnchor(bytes).size > last ? openAnchor(bytes) : undefined;
    });
    block = anchored.block;
  });
  after(async () => {
    await stage.close();
    provider.destroy();
    await node.close();
    await rm(folder, { recursive: true });
  });

  it("is served as static files: the newest, and each by its block", async () => {
    const named = await served(block.slice(2));
    expect(named.headers.get("cache-control")).to.include("immutable");
    expect(openAnchor(new Uint8Array(await named.arrayBuffer()))).to.include({ log: LOG, block, contract });
    expect((await served("newest")).headers.get("cache-control")).to.equal("public, max-age=1");
    for (const name of ["", "other", "0".repeat(64), block, block.slice(2).toUpperCase()]) {
      expect((await served(name)).status, name).to.equal(404);
    }
  });

  it("makes of a receipt an anchored one, without asking anybody to sign", async () => {
    const out = at("anchored.receipt.json");
    const ran = await quanji("receipt", "upgrade", at("use.receipt.json"), "--out", out);
    expect(ran.exitCode, ran.err + ran.out).to.equal(0);
    const before = said(await quanji("verify", out));
    expect(before).to.include({ ok: true, level: "committed" });
    const [told] = before["anchors"] as { block: string; pinned: boolean; chain: number }[];
    expect(told).to.include({ chain: node.chain, pinned: false });
    const asked = await quanji("verify", out, "--level", "anchored");
    expect([asked.exitCode, said(asked)["detail"]]).to.deep.equal([1, "ANCHOR_UNPINNED"]);
    const pinned = await quanji("verify", out, "--level", "anchored", "--block-hash", told!.block);
    expect([pinned.exitCode, said(pinned)["level"]]).to.deep.equal([0, "anchored"]);
    const wrong = await quanji("verify", out, "--block-hash", "0x12");
    expect(wrong.exitCode).to.equal(2);
    const plain = await quanji("verify", at("use.receipt.json"), "--level", "anchored");
    expect(said(plain)).to.include({ code: "UNDERWITNESSED", detail: "ANCHOR_MISSING" });
  });

  it("by a head in a block that is known already, however many came after it", async () => {
    const out = at("pinned.receipt.json");
    const ran = await quanji("receipt", "upgrade", at("use.receipt.json"), "--out", out, "--block-hash", block);
    expect(ran.exitCode, ran.err + ran.out).to.equal(0);
    const verdict = said(ran);
    expect(verdict).to.include({ level: "anchored" });
    expect((verdict["anchors"] as { block: string }[])[0]).to.include({ block });
  });

  it("makes of a trail an anchored one", async () => {
    for (const out of [at("anchored.trail.ndjson"), at("anchored.trail.ndjson.gz")]) {
      const ran = await quanji("trail", "upgrade", at("grant.trail.ndjson"), "--out", out, "--block-hash", block);
      expect(ran.exitCode, ran.err + ran.out).to.equal(0);
      const verified = await quanji("verify", out, "--level", "anchored", "--block-hash", block);
      expect([verified.exitCode, said(verified)["level"]], verified.out).to.deep.equal([0, "anchored"]);
    }
    const plain = said(await quanji("verify", at("grant.trail.ndjson")));
    expect(plain).to.include({ ok: true, level: "committed" });
  });

  it("from a copy of the log in a folder, the proofs with it", async () => {
    const tiles = await quanji("tiles", "--out", at("www"), "--block-hash", block);
    expect(tiles.exitCode, tiles.err + tiles.out).to.equal(0);
    const copied = await readFile(path.join(at("www"), LOG, "anchor", block.slice(2)));
    expect(openAnchor(copied).block).to.equal(block);
    const out = at("copied.receipt.json");
    const from = ["--tiles", at("www"), "--block-hash", block];
    const ran = await quanji("receipt", "upgrade", at("use.receipt.json"), "--out", out, ...from);
    expect([ran.exitCode, said(ran)["level"]], ran.err + ran.out).to.deep.equal([0, "anchored"]);
  });

  it("is counted without more where the trust file's next version pins the block", async () => {
    await stage.host.close();
    const config = { anchor: { ...anchor, blocks: [block] } };
    await (await LocalHost.open({ data: stage.host.data, config, variables })).close();
    expect((await stage.trust()).trust).to.deep.include({
      version: 2,
      anchors: [{ chain: node.chain, contract, blocks: [block] }],
    });
    const ran = await quanji("verify", at("pinned.receipt.json"), "--level", "anchored");
    expect([ran.exitCode, said(ran)["level"]], ran.out).to.deep.equal([0, "anchored"]);
  });
});
