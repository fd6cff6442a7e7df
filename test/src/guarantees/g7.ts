/** G7 accounts open to evidence: both ends of an access speak on the ledger, and nobody speaks for the other. */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseRecord, type QuanjiRecord, splitRecordText } from "@quanji/chaincode/domain";
import { reconcile, type Reconciliation } from "@quanji/client/reconcile";
import { verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import type { LocalHost } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { IDS, newFolder, RESOURCE, Stage } from "../support/stage.js";
import { linesOf, parsed } from "../support/trails.js";
import { failureOf, until } from "../support/until.js";

const HOUR = 3_600_000;

export const g7 = (ground: Ground): void =>
  void describe(`G7 accounts open to evidence${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let grant: string;
    let folder: string;

    before(async () => {
      stage = await Stage.open({ ground });
      grant = await stage.granted("insurer");
      folder = await newFolder();
      await writeFile(path.join(folder, "insurer.jwk"), stage.keyFile("insurer"), { mode: 0o600 });
    });
    after(async () => {
      await stage.close();
      await rm(folder, { recursive: true, force: true });
    });

    const recordsOf = async (kind: "grant" | "resource" | "party", id: string): Promise<readonly QuanjiRecord[]> => {
      const trail = await stage.trail(kind === "party" ? "insurer" : "bureau", kind, id);
      expect(await verifyTrail(trail, await stage.trust())).to.include({ ok: true });
      return linesOf(trail).flatMap((line) => {
        const value = parsed(line);
        return value["t"] === "record" ? [parseRecord(splitRecordText(String(value["r"])))] : [];
      });
    };
    const quanji = (...args: readonly string[]): Promise<Ran> =>
      runProgram([
        QUANJI,
        ...args,
        ...["--gateway", stage.host.address, "--key", path.join(folder, "insurer.jwk"), "--trust", stage.trustFile],
        "--json",
      ]);

    it("what came whole is accepted by itself: a record that every trail of the access holds, and a receipt", async () => {
      const insurer = await stage.client("insurer", { accept: true });
      const { access } = await insurer.fetch(stage.access(grant));
      expect([access.unaccepted, access.acceptance?.result["log"]]).to.deep.equal([
        undefined,
        access.receipt.record.face.log,
      ]);
      const { delivery, acceptance } = await insurer.receipt(access.request);
      const said = acceptance?.record;
      if (acceptance === undefined || said?.type !== "acceptance" || delivery?.record.type !== "delivery")
        throw new Error("not accepted");
      expect(said.face.index).to.equal(access.acceptance?.result["record"]);
      const { digest, rows } = delivery.record.body;
      expect(said.body).to.include({ access: access.receipt.record.face.index, delivery: delivery.record.face.index });
      expect(said.body).to.include({ digest, rows });
      expect(await verifyReceipt(acceptance.jws, await stage.trust())).to.include({ ok: true });
      for (const [kind, id] of [
        ["grant", grant],
        ["resource", RESOURCE],
        ["party", IDS.insurer],
      ] as const) {
        const shown = (await recordsOf(kind, id)).filter(({ type }) => type === "acceptance");
        expect(shown.map(({ face }) => face.index)).to.deep.equal([said.face.index]);
      }
    });

    it("what is not accepted stays so, until its requester does it by hand, with the data before it", async () => {
      const insurer = await stage.client("insurer", { accept: true });
      const quiet = await stage.client("insurer");
      const { access, data } = await quiet.fetch(stage.access(grant));
      await until(async () => (await insurer.receipt(access.request)).delivery);
      expect((await insurer.receipt(access.request)).acceptance).to.equal(undefined);
      const file = path.join(folder, "data.ndjson");
      await writeFile(file, data.subarray(1));
      const altered = await quanji("accept", access.request, "--data", file);
      expect(altered.exitCode, altered.err).to.equal(1);
      expect(altered.out + altered.err).to.include("STATE_CONFLICT");
      expect((await insurer.receipt(access.request)).acceptance).to.equal(undefined);
      await writeFile(file, data);
      const done = await quanji("accept", access.request, "--data", file);
      expect([done.exitCode, done.err]).to.deep.equal([0, ""]);
      const { acceptance } = JSON.parse(done.out) as { acceptance: number };
      expect((await insurer.receipt(access.request)).acceptance?.record.face.index).to.equal(acceptance);
      const again = await quanji("accept", access.request, "--data", file);
      expect([again.exitCode, (JSON.parse(again.out) as { acceptance: number }).acceptance]).to.deep.equal([
        0,
        acceptance,
      ]);
    });

    it("nobody accepts for another, twice, or something else than was delivered", async () => {
      const insurer = await stage.client("insurer", { accept: true });
      const { access } = await insurer.fetch(stage.access(grant));
      const { log, index: record } = access.receipt.record.face;
      const { digest = "", rows = 0 } = access.account ?? {};
      const said = { log, record, digest, rows };
      const before = (await recordsOf("resource", RESOURCE)).length;
      const others = [await stage.client("stranger"), await stage.client("bureau"), await stage.client("regulator")];
      for (const other of others) expect(await failureOf(other.accept(said))).to.include({ code: "NOT_FOUND" });
      expect(await failureOf(insurer.accept(said))).to.include({ code: "STATE_CONFLICT", detail: "ACCEPTED" });
      const unaccepted = await (await stage.client("insurer")).fetch(stage.access(grant));
      const next = { ...said, record: unaccepted.access.receipt.record.face.index };
      expect(await failureOf(insurer.accept({ ...next, rows: rows + 1 }))).to.include({ field: "rows" });
      expect(await failureOf(insurer.accept({ ...next, digest: "A".repeat(43) }))).to.include({ field: "digest" });
      expect(await recordsOf("resource", RESOURCE)).to.have.length(before + 2);
    });

    it("both ends are compared offline: what nobody accepted is listed, on the user's side", async () => {
      const silent = await (await stage.client("insurer")).fetch(stage.access(grant));
      const insurer = await stage.client("insurer", { accept: true });
      await until(async () => (await insurer.receipt(silent.access.request)).delivery);
      const file = path.join(folder, "resource.trail.ndjson");
      await writeFile(file, await stage.trail("bureau", "resource", RESOURCE));
      const now = await quanji("reconcile", file);
      const young = JSON.parse(now.out) as Reconciliation;
      expect([now.exitCode, young.ok, young.missing]).to.deep.equal([0, true, []]);
      expect(young.counts.delivered - young.counts.accepted).to.equal(young.pending);
      if (ground.ledger !== "embedded") return;
      stage.host.aheadMs += HOUR;
      const source = await stage.trail("bureau", "resource", RESOURCE);
      const late = await reconcile([{ file, source }], await stage.trust());
      expect([late.ok, late.pending]).to.deep.equal([false, 0]);
      expect(new Set(late.missing.map(({ code }) => code))).to.deep.equal(new Set(["ACCEPTANCE_MISSING"]));
      expect(late.missing.map(({ request }) => request)).to.include(silent.access.request);
      const { access } = late.missing.find(({ request }) => request === silent.access.request) ?? {};
      expect(access).to.equal(silent.access.receipt.record.face.index);
    });
  });
