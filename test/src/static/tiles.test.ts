/** A log's static files, from a real gateway to a folder to a receipt: by the programs that users run. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { canonical } from "@quanji/chaincode/log";
import { verifyReceipt } from "@quanji/client/verify";
import { expect } from "chai";
import type { LocalHost } from "../support/host.js";
import { LOG } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { Stage } from "../support/stage.js";

describe("static files of a gateway's log", () => {
  let stage: Stage<LocalHost>;
  let folder: string;
  let web: Server;
  let address: string;
  let grant: string;
  let request: string;

  /** The plainest web server there is. */
  const serve = (root: string): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer((asked, response) => {
        readFile(path.join(root, asked.url ?? "/")).then(
          (bytes) => response.end(bytes),
          () => response.writeHead(404).end(),
        );
      });
      server.listen(0, "127.0.0.1", () => resolve(server));
    });
  const quanji = (...argv: string[]): Promise<Ran> =>
    runProgram([QUANJI, ...argv, "--trust", stage.trustFile, "--json"], {
      QUANJI_CONFIG: path.join(folder, "config.json"),
      QUANJI_GATEWAY: stage.host.address,
    });
  const said = ({ out }: Ran): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;
  const www = (): string => path.join(folder, "www");
  const receipt = (): string => path.join(folder, "use.receipt.json");

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-static-"));
    stage = await Stage.open();
    grant = await stage.granted();
    for (let i = 0; i < 3; i++) ({ request = "" } = await stage.use("insurer", stage.access(grant)));
    const { access } = await (await stage.client("insurer")).receipt(request);
    await writeFile(receipt(), canonical(access.jws, { maxBytes: 1 << 18, maxDepth: 4 }));
    web = await serve(www());
    address = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  });
  after(async () => {
    web.close();
    await stage.close();
    await rm(folder, { recursive: true });
  });

  it("are written once, and again as the log grows", async () => {
    const first = await quanji("tiles", "--out", www());
    expect(first.exitCode, first.err + first.out).to.equal(0);
    const [log] = said(first)["logs"] as { log: string; size: number; from: number }[];
    expect(log).to.include({ log: LOG, from: 0 });
    await stage.use("insurer", stage.access(grant));
    const second = said(await quanji("tiles", "--out", www()));
    const [grown] = second["logs"] as { from: number; size: number }[];
    expect(grown?.from).to.equal(log?.size);
    expect(grown?.size).to.be.greaterThan(log?.size ?? Infinity);
  });

  it("prove a receipt's record under the newest checkpoint, from gateway, folder and web server alike", async () => {
    for (const source of [[], ["--tiles", www()], ["--tiles", address], ["--tiles", `${address}/${LOG}`]]) {
      const out = path.join(folder, "new.receipt.json");
      const ran = await quanji("receipt", "upgrade", receipt(), "--out", out, ...source);
      expect(ran.exitCode, ran.err + ran.out).to.equal(0);
      expect(said(ran)).to.include({ ok: true, kind: "receipt", level: "committed" });
      const verdict = await verifyReceipt(await readFile(out), await stage.trust());
      expect(verdict.ok).to.equal(true);
      const verified = await quanji("verify", out);
      expect([verified.exitCode, said(verified)["ok"]]).to.deep.equal([0, true]);
    }
  });

  it("prove it with the gateway gone, in place of the old file, and for the audit's sake too", async () => {
    const ran = await runProgram(
      [QUANJI, "receipt", "upgrade", receipt(), "--tiles", address, "--trust", stage.trustFile],
      { QUANJI_CONFIG: path.join(folder, "config.json"), QUANJI_GATEWAY: "http://127.0.0.1:1" },
    );
    expect(ran.exitCode, ran.err).to.equal(0);
    expect(ran.out).to.match(/^VALID {2}receipt/);
    expect(JSON.parse(await readFile(receipt(), "utf8"))).to.include({ v: "quanji.upgraded.v1" });
  });

  it("altered, cut or swapped, prove nothing, and the receipt stays as it was", async () => {
    const before = await readFile(receipt(), "utf8");
    const checkpoint = path.join(www(), LOG, "checkpoint");
    const text = await readFile(checkpoint, "utf8");
    for (const [changed, code] of [
      [text.replace(/\n(\d+)\n/, "\n1$1\n"), "LOG_SIGNATURE_INVALID"],
      [text.slice(0, 20), "NOTE_MALFORMED"],
      ["", "NOTE_MALFORMED"],
    ] as const) {
      await writeFile(checkpoint, changed);
      const ran = await quanji("receipt", "upgrade", receipt(), "--tiles", address);
      expect([ran.exitCode, said(ran)["detail"]]).to.deep.equal([1, code]);
    }
    await rm(checkpoint);
    expect(said(await quanji("receipt", "upgrade", receipt(), "--tiles", www()))).to.include({
      detail: "TILE_MISSING",
    });
    expect(await readFile(receipt(), "utf8")).to.equal(before);
    await writeFile(checkpoint, text);
  });

  it("an unreachable web server: exit code 3", async () => {
    const ran = await quanji("receipt", "upgrade", receipt(), "--tiles", "http://127.0.0.1:1");
    expect([ran.exitCode, said(ran)["code"]]).to.deep.equal([3, "UNREACHABLE"]);
  });
});
