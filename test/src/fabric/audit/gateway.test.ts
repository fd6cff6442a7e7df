/** What an auditor does with a gateway on Fabric: its own trust file, a peer's blocks, and receipts, all as files. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { verifyTrail } from "@quanji/client/verify";
import { silent } from "@quanji/network/fabric";
import { expect } from "chai";
import { type Afterwards, doAfterwards } from "../../support/afterwards.js";
import { networkOf } from "../../support/ground.js";
import type { LocalHost } from "../../support/host.js";
import { QUANJI, type Ran, runProgram } from "../../support/program.js";
import { IDS, newFolder, RESOURCE, Stage } from "../../support/stage.js";
import { recordsOf } from "../../support/trails.js";
import { until } from "../../support/until.js";
import { onFabric } from "../support/ground.js";
import { fetchBlocks } from "./forgery.js";

for (const ordering of ["raft", "bft"] as const) {
  const ground = onFabric("fabric-gateway", ordering);
  describe(`deep audit of what a gateway wrote${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let work: string;
    let used: string;
    let kept: number;
    let done: Afterwards;

    before(async () => {
      work = await newFolder();
      stage = await Stage.open({ ground });
      const grant = await stage.granted();
      await stage.use("insurer", stage.access(grant, { purpose: "marketing" }));
      done = await doAfterwards(stage, grant);
      used = (await stage.use("insurer", stage.access(grant))).request ?? "";
      const insurer = await stage.client("insurer");
      const { access } = await insurer.receipt(used);
      await writeFile(path.join(work, "use.receipt.json"), JSON.stringify(access.jws));
      // What left is recorded after the data has come: trails and blocks are to be of the same log.
      for (const request of [used, ...Object.values<string>({ ...done })]) {
        await until(async () => (await insurer.receipt(request)).delivery);
      }
      await until(async () => (await insurer.receipt(done.accepted)).acceptance);
      for (const name of ["bureau", "regulator"] as const) {
        await writeFile(path.join(work, `${name}.trail.ndjson`), await stage.trail(name, "resource", RESOURCE));
      }
      for (const [name, request] of Object.entries<string>({ ...done })) {
        const { access } = await (await stage.client("regulator")).receipt(request);
        await writeFile(path.join(work, `${name}.receipt.json`), JSON.stringify(access.jws));
      }
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
      const receipts = ["use", ...Object.keys(done)].map((name) => inWork(`${name}.receipt.json`));
      const evidence = receipts.flatMap((file) => ["--evidence", file]);
      const { exitCode, out, err } = await quanji("audit", "--blocks", inWork("blocks"), ...evidence, "--json");
      expect(exitCode, out + err).to.equal(0);
      const verdict = JSON.parse(out) as { readonly logs: readonly { readonly checkpoints: number; size: number }[] };
      expect(verdict).to.deep.include({ ok: true, ledger: ordering, blocks: kept });
      expect(verdict.logs.map(({ checkpoints }) => checkpoints)).to.deep.equal([receipts.length]);
      const trails = ["bureau", "regulator"].map((name) => inWork(`${name}.trail.ndjson`));
      const files = await quanji("verify", ...receipts, ...trails);
      expect(files.exitCode, files.out + files.err).to.equal(0);
    });

    it("among them are an acceptance, a tally, an index, an erasure and seals: audit and trail count the same records", async () => {
      const { out } = await quanji("audit", "--blocks", inWork("blocks"), "--json");
      const { logs } = JSON.parse(out) as { readonly logs: readonly { readonly size: number }[] };
      const text = await readFile(inWork("regulator.trail.ndjson"), "utf8");
      const types = recordsOf(text).map(({ face }) => face.type);
      expect(types).to.include.members(["access", "delivery", "acceptance", "tally"]);
      // The index is in nobody's chain; all else is of this one resource.
      expect(logs.map(({ size }) => size)).to.deep.equal([types.length + 1]);
      const verdict = await verifyTrail(text, await stage.trust());
      expect(verdict.erased?.map(({ by, basis }) => [by, basis])).to.deep.equal([[IDS.bureau, "request"]]);
      const owners = await verifyTrail(await readFile(inWork("bureau.trail.ndjson"), "utf8"), await stage.trust());
      expect(owners.sealed?.map(({ authority, entries }) => [authority, entries])).to.deep.equal([["court", 1]]);
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
