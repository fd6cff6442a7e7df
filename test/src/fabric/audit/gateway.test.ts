/** What an auditor does with a gateway on Fabric: its own trust file, a peer's blocks, and receipts, all as files. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { silent } from "@quanji/network/fabric";
import { expect } from "chai";
import { networkOf } from "../../support/ground.js";
import type { LocalHost } from "../../support/host.js";
import { QUANJI, type Ran, runProgram } from "../../support/program.js";
import { newFolder, RESOURCE, Stage } from "../../support/stage.js";
import { onFabric } from "../support/ground.js";
import { fetchBlocks } from "./forgery.js";

for (const ordering of ["raft", "bft"] as const) {
  const ground = onFabric("fabric-gateway", ordering);
  describe(`deep audit of what a gateway wrote${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let work: string;
    let used: string;
    let kept: number;

    before(async () => {
      work = await newFolder();
      stage = await Stage.open({ ground });
      const grant = await stage.granted();
      await stage.use("insurer", stage.access(grant, { purpose: "marketing" }));
      used = (await stage.use("insurer", stage.access(grant))).request ?? "";
      const { access } = await (await stage.client("insurer")).receipt(used);
      await writeFile(path.join(work, "use.receipt.json"), JSON.stringify(access.jws));
      await writeFile(path.join(work, "all.trail.ndjson"), await stage.trail("bureau", "resource", RESOURCE));
      const network = networkOf(stage.base);
      const blocks = await fetchBlocks({ network, tools: await network.tools(silent) });
      await mkdir(path.join(work, "blocks"));
      for (const [number, block] of blocks.entries()) {
        await writeFile(path.join(work, "blocks", `${network.topology.channel}_${number}.block`), block);
      }
      kept = blocks.length;
    });
    after(async () => {
      await stage.close();
      await rm(work, { recursive: true });
    });
    const quanji = (...argv: readonly string[]): Promise<Ran> =>
      runProgram([QUANJI, ...argv, "--trust", stage.trustFile]);
    const inWork = (name: string): string => path.join(work, name);

    it("the blocks hold from the first, the log's root among them, and receipt and trail verify beside them", async () => {
      const receipt = ["--evidence", inWork("use.receipt.json")];
      const { exitCode, out, err } = await quanji("audit", "--blocks", inWork("blocks"), ...receipt, "--json");
      expect(exitCode, out + err).to.equal(0);
      const verdict = JSON.parse(out) as { readonly logs: readonly { readonly checkpoints: number }[] };
      expect(verdict).to.deep.include({ ok: true, ledger: ordering, blocks: kept });
      expect(verdict.logs.map(({ checkpoints }) => checkpoints)).to.deep.equal([1]);
      const files = await quanji("verify", inWork("use.receipt.json"), inWork("all.trail.ndjson"));
      expect(files.exitCode, files.out + files.err).to.equal(0);
    });

    it("another gateway's trust file pins another ledger", async () => {
      const other = await Stage.open();
      try {
        const argv = ["audit", "--blocks", inWork("blocks"), "--trust", other.trustFile, "--json"];
        const { exitCode, out } = await runProgram([QUANJI, ...argv]);
        expect([exitCode, (JSON.parse(out) as { readonly detail?: string }).detail]).to.deep.equal([1, "GENESIS_HASH"]);
      } finally {
        await other.close();
      }
    });
  });
}
