import { connect } from "node:net";
import { inclusionProof, toHash } from "@quanji/chaincode/log";
import { type TileSource, TileTree } from "@quanji/client/verify";
import { expect } from "chai";
import { Harness, LOG } from "./testing/harness.js";

const PREFIX = "/v1/logs/0";

describe("http: a log's static files", () => {
  let gateway: Harness;
  before(async () => {
    gateway = await Harness.open();
    await gateway.access("insurer");
    await gateway.access("insurer");
  });
  after(() => gateway.close());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${gateway.address}${PREFIX}/${path}`, { headers });
  const files: TileSource = async (path) => {
    const response = await get(path);
    return response.status === 404 ? undefined : new Uint8Array(await response.arrayBuffer());
  };
  const head = async () => {
    const { size } = (await gateway.edge.readModel.log(LOG)) ?? { size: 0 };
    return size;
  };

  it("are the tree of the committed records", async () => {
    const log = await gateway.edge.readModel.log(LOG);
    const size = log?.size ?? 0;
    expect(size).to.be.at.least(2);
    const root = toHash(Buffer.from(log?.root ?? "", "base64url"));
    const tree = await TileTree.open({ size, root }, [files]);
    const { readModel } = gateway.edge;
    const stored = await inclusionProof(1, size, (level, index) => readModel.node(LOG, level, index));
    expect(await inclusionProof(1, size, tree.node)).to.deep.equal(stored);
  });

  it("checkpoints are text, kept for a second; tiles are bytes, kept for ever", async () => {
    const checkpoint = await get("checkpoint");
    expect([
      checkpoint.status,
      checkpoint.headers.get("content-type"),
      checkpoint.headers.get("cache-control"),
    ]).to.deep.equal([200, "text/plain; charset=utf-8", "public, max-age=1"]);
    const size = await head();
    const tile = await get(`tile/0/000.p/${size}`, { "accept-encoding": "gzip" });
    const bytes = await tile.arrayBuffer();
    expect([tile.status, tile.headers.get("content-type"), tile.headers.get("cache-control")]).to.deep.equal([
      200,
      "application/octet-stream",
      "public, max-age=31536000, immutable",
    ]);
    expect([bytes.byteLength, tile.headers.get("content-length"), tile.headers.get("content-encoding")]).to.deep.equal([
      size * 32,
      String(size * 32),
      null,
    ]);
    expect(tile.headers.get("x-content-type-options")).to.equal("nosniff");
    // A tile of an earlier size is the beginning of a later one.
    const first = new Uint8Array(await (await get("tile/0/000.p/1")).arrayBuffer());
    expect(first).to.deep.equal(new Uint8Array(bytes).subarray(0, 32));
  });

  it("are not sent again to whoever has them", async () => {
    for (const path of ["tile/0/000.p/1", "checkpoint"]) {
      const first = await get(path);
      const etag = first.headers.get("etag") ?? "";
      const text = await first.text();
      expect(etag, path).to.match(/^"[A-Za-z0-9_-]{22}"$/);
      for (const tags of [etag, `"x", W/${etag}`, "*"]) {
        const again = await get(path, { "if-none-match": tags });
        expect([again.status, await again.text(), again.headers.get("etag")], `${path} ${tags}`).to.deep.equal([
          304,
          "",
          etag,
        ]);
        expect(again.headers.get("cache-control")).to.equal(first.headers.get("cache-control"));
      }
      const other = await get(path, { "if-none-match": '"x"' });
      expect([other.status, await other.text()]).to.deep.equal([200, text]);
    }
  });

  it("answer a HEAD without a body", async () => {
    const response = await fetch(`${gateway.address}${PREFIX}/tile/0/000.p/1`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-length"), await response.text()]).to.deep.equal([
      200,
      "32",
      "",
    ]);
  });

  it("what the log has not is 404 with the code and kept by no cache; so are entries, whose contents are nobody's business", async () => {
    const size = await head();
    for (const path of [
      `tile/0/000.p/${size + 1}`,
      "tile/0/000",
      "tile/0/001.p/1",
      "tile/0/x001/000",
      "tile/1/000.p/1",
      "tile/6/000.p/1",
      "tile/63/000",
      "tile/0/000.p/0",
      "tile/0/000.p/01",
      "tile/0/000.p/256",
      "tile/0/0",
      "tile/00/000.p/1",
      "tile/0/000.p/1/",
      "tile/0//000.p/1",
      "tile/0/000.P/1",
      "tile/8/0/000.p/1",
      "tile/__proto__/000.p/1",
      "tile/entries/000.p/1",
      "tile/entries/000",
      "tile/data/000",
      "tile/0",
      "tile",
      "",
    ]) {
      const response = await get(path);
      const problem = (await response.json()) as { code?: string };
      expect([path, response.status, problem.code, response.headers.get("cache-control")]).to.deep.equal([
        path,
        404,
        "NOT_FOUND",
        "no-store",
      ]);
    }
    const none = await fetch(`${gateway.address}/v1/logs/1/tile/0/000.p/1`);
    expect(none.status).to.equal(404);
  });

  it("a query, a dot segment or an escape that is none reaches no file", async () => {
    expect((await get("tile/0/000.p/1?x=1")).status).to.equal(400);
    const { hostname, port } = new URL(gateway.address);
    const raw = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(port), hostname, () =>
          socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
        );
        let text = "";
        socket.on("data", (chunk) => (text += chunk.toString("latin1"))).on("error", reject);
        socket.on("close", () => resolve(text.slice(9, 12)));
      });
    expect(await raw(`${PREFIX}/tile/0/../0/000.p/1`)).to.equal("404");
    expect(await raw(`${PREFIX}/tile/0/%zz`)).to.equal("400");
    expect(await raw(`${PREFIX}/tile/0/..%2f000.p%2f1`)).to.equal("404");
  });
});
