import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { isQuanjiError } from "@quanji/chaincode/domain";
import { fromUtf8, sha256, TILE_WIDTH, utf8 } from "@quanji/chaincode/log";
import { expect } from "chai";
import { TWO_OF_THREE, witnesses } from "../verify/attacks-trust.support.test.js";
import { type OpenedTrust, type TileSource, verifyEvidence } from "../verify/index.js";
import { leavesTo, publishedLog, sourceOf } from "../verify/static.support.test.js";
import { LOG, SmallWorld } from "../verify/support.test.js";
import { folderTiles, type Mirrored, mirrorLog } from "./index.js";

describe("a log's static files in a folder", () => {
  let folder: string;
  let trust: OpenedTrust;
  let world: SmallWorld;
  before(async () => {
    world = await new SmallWorld().begin();
    trust = await world.trust();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "quanji-tiles-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const leaves = leavesTo(1_000);
  const mirror = (source: TileSource, options: { trust?: OpenedTrust } = {}): Promise<Mirrored> =>
    mirrorLog({ origin: LOG, trust, sources: [source], folder, ...options });
  const refusal = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => "none",
      (error: unknown) => (isQuanjiError(error) ? (error.detail ?? error.code) : String(error)),
    );
  /** Every file of the log, by path; temporary ones too. */
  const content = async (): Promise<Map<string, Uint8Array>> => {
    const root = join(folder, LOG);
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return new Map(
      await Promise.all(
        files.sort().map(async (file) => [relative(root, file), new Uint8Array(await readFile(file))] as const),
      ),
    );
  };
  const sorted = (files: ReadonlyMap<string, Uint8Array>) => [...files].sort(([a], [b]) => (a < b ? -1 : 1));

  it("are what the log publishes, byte for byte, and serve as a copy of it", async () => {
    const files = await publishedLog(leaves);
    expect(await mirror(sourceOf(files))).to.deep.equal({
      log: LOG,
      from: 0,
      size: 1_000,
      level: "committed",
      tiles: 5,
    });
    expect(sorted(await content())).to.deep.equal(sorted(files));
    expect(await mirror(sourceOf(files))).to.include({ from: 1_000, size: 1_000, tiles: 0 });
    const copy = await mkdtemp(join(tmpdir(), "quanji-copy-"));
    for (const place of [folder, join(folder, LOG)]) {
      const again = await mirrorLog({ origin: LOG, trust, sources: [folderTiles(place, LOG)], folder: copy });
      expect(again.size).to.equal(1_000);
    }
    await rm(copy, { recursive: true });
  });

  it("grow: every size that was published keeps its partial tiles until the full one is there", async () => {
    const paths: string[][] = [];
    for (const size of [250, 255, 256, 257, 600]) {
      await mirror(sourceOf(await publishedLog(leaves.slice(0, size))));
      paths.push([...(await content()).keys()].filter((path) => path.startsWith("tile/0/")));
    }
    expect(paths).to.deep.equal([
      ["tile/0/000.p/250"],
      ["tile/0/000.p/250", "tile/0/000.p/255"],
      ["tile/0/000"],
      ["tile/0/000", "tile/0/001.p/1"],
      ["tile/0/000", "tile/0/001", "tile/0/002.p/88"],
    ]);
    const grown = await content();
    for (const [path, bytes] of await publishedLog(leaves.slice(0, 600))) {
      expect(grown.get(path), path).to.deep.equal(bytes);
    }
  });

  it("never shrink, and are never contradicted: a fork is proven, and nothing written", async () => {
    await mirror(sourceOf(await publishedLog(leaves.slice(0, 600))));
    const before = await content();
    expect(await refusal(mirror(sourceOf(await publishedLog(leaves.slice(0, 599)))))).to.equal("CHECKPOINT_STALE");
    const forked = await publishedLog(leaves.with(7, sha256(utf8("another"))));
    const { fork = "", tiles } = await mirror(sourceOf(forked));
    expect([tiles, (await verifyEvidence(fork, trust)).ok]).to.deep.equal([0, true]);
    // Another tree of the size that is held convicts by its checkpoint alone, whatever tiles there are to it.
    const bare = new Map([
      ["checkpoint", (await publishedLog(leaves.slice(0, 600).with(7, sha256(utf8("another"))))).get("checkpoint")!],
    ]);
    const twice = await mirror(sourceOf(bare));
    expect([twice.tiles, (await verifyEvidence(twice.fork ?? "", trust)).ok]).to.deep.equal([0, true]);
    expect(sorted(await content())).to.deep.equal(sorted(before));
  });

  it("killed at any file, they still say what they said, and the next run ends the work", async () => {
    const [older, newer] = [await publishedLog(leaves.slice(0, 300)), await publishedLog(leaves)];
    for (let asked = 0; ; asked++) {
      await rm(join(folder, LOG), { recursive: true, force: true });
      await mirror(sourceOf(older));
      let left = asked;
      const dying: TileSource = (path) =>
        left-- > 0 ? Promise.resolve(newer.get(path)) : Promise.reject(new Error("killed"));
      const died = await refusal(mirror(dying));
      if (died === "none") break;
      const checkpoint = fromUtf8((await content()).get("checkpoint")!);
      expect([died, checkpoint], `${asked}`).to.deep.equal(["Error: killed", fromUtf8(older.get("checkpoint")!)]);
      const resumed = await mirrorLog({ origin: LOG, trust, sources: [folderTiles(folder, LOG)], folder });
      expect(resumed.size, "what is there is whole").to.equal(300);
      expect((await mirror(sourceOf(newer))).size).to.equal(1_000);
      for (const [path, bytes] of newer) expect((await content()).get(path), path).to.deep.equal(bytes);
      expect([...(await content()).keys()].filter((path) => path.includes("/."))).to.deep.equal([]);
    }
  });

  it("what an earlier run left torn is replaced, whoever wrote it", async () => {
    const files = await publishedLog(leaves);
    for (const [path, bytes] of files) {
      if (path === "checkpoint") continue;
      for (const torn of [bytes.subarray(0, 40), bytes.toReversed(), new Uint8Array()]) {
        await rm(join(folder, LOG), { recursive: true, force: true });
        await mkdir(dirname(join(folder, LOG, path)), { recursive: true });
        await writeFile(join(folder, LOG, path), torn);
        await mirror(sourceOf(files));
        expect((await content()).get(path), path).to.deep.equal(bytes);
      }
    }
  });

  it("a swapped tile of the source reaches no file", async () => {
    const files = await publishedLog(leaves);
    const swapped = new Map(files).set("tile/0/000", files.get("tile/0/001")!);
    expect(await refusal(mirror(sourceOf(swapped)))).to.equal("TILE_MISMATCH");
    expect((await content()).has("checkpoint")).to.equal(false);
    expect(files.get("tile/0/000")).to.have.length(TILE_WIDTH * 32);
  });

  it("no checkpoint is published below the level that the trust file asks for", async () => {
    const witnessed = await world.trust({ policy: TWO_OF_THREE });
    const cosign = (text: string) => Promise.all(witnesses.map((witness) => witness.cosign(text, world.time)));
    const [plain, cosigned] = [await publishedLog(leaves), await publishedLog(leaves, cosign)];
    expect(await refusal(mirror(sourceOf(plain), { trust: witnessed }))).to.equal("WITNESS_QUORUM");
    expect(await mirror(sourceOf(cosigned), { trust: witnessed })).to.include({ level: "cosigned", size: 1_000 });
  });

  it("a folder that holds another's files is left alone", async () => {
    await mkdir(join(folder, LOG), { recursive: true });
    await writeFile(join(folder, LOG, "checkpoint"), "not a note");
    expect(await refusal(mirror(sourceOf(await publishedLog(leaves.slice(0, 3)))))).to.equal("NOTE_MALFORMED");
    expect(await readFile(join(folder, LOG, "checkpoint"), "utf8")).to.equal("not a note");
  });

  it("an origin that would climb out of the folder is refused", async () => {
    const origin = "quanji.test/../../x/gw/0";
    expect(await refusal(mirrorLog({ origin, trust, sources: [], folder }))).to.equal("LOG_MISMATCH");
    expect(() => folderTiles(folder, origin)).to.throw("is no path");
  });
});
