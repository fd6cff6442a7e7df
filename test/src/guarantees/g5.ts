/** G5 offline for good: receipts and trails verify in a process without network, against a pinned trust file, or not at all. */
import { spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { isolation, verifyOffline } from "@quanji/scripts/offline";
import { ROOT } from "@quanji/scripts/process";
import { type OpenedTrust, openTrust, verifyReceipt, verifyTrail, type Verdict } from "@quanji/client/verify";
import { expect } from "chai";
import fc from "fast-check";
import type { Ground } from "../support/ground.js";
import { collectEvidence } from "../support/evidence.js";
import { newFolder, Stage } from "../support/stage.js";
import { linesOf, parsed } from "../support/trails.js";
import { failureOf } from "../support/until.js";

const FLIPS_A_FILE = 120;

export const g5 = (ground: Ground): void =>
  void describe(`G5 offline for good${ground.on}`, () => {
    const place = isolation();
    let folder: string;
    let trust: OpenedTrust;
    /** Evidence by name; nothing else is left of the network when the tests run. */
    let files: ReadonlyMap<string, string>;
    let trustText: string;

    before(async () => {
      const stage = await Stage.open({ ground });
      folder = await newFolder();
      try {
        files = await collectEvidence(stage);
        trust = await stage.trust();
        trustText = await readFile(stage.trustFile, "utf8");
      } finally {
        await stage.close();
      }
      for (const [name, text] of files) await writeFile(path.join(folder, name), text);
      await writeFile(path.join(folder, "trust.json"), trustText);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const fileOf = (name: string): string => path.join(folder, name);
    const verify = (name: string, content: string | Uint8Array): Promise<Verdict> =>
      name.endsWith(".ndjson") ? verifyTrail(content, trust) : verifyReceipt(content, trust);

    it(`the command line verifies every file ${place.how}`, async () => {
      expect(files.size).to.equal(6);
      for (const name of files.keys()) {
        const verdict = await verifyOffline(place, fileOf(name), fileOf("trust.json"));
        expect(verdict, name).to.deep.include({
          ok: true,
          kind: name.endsWith(".ndjson") ? "trail" : "receipt",
          level: "committed",
          singleOperator: true,
          trustDigest: trust.digest,
        });
      }
    });

    it("that process could not have asked anybody: connecting fails in it", async () => {
      const [command = "", ...args] = place.command;
      const asking =
        "fetch('http://127.0.0.1:1').then(()=>process.exit(0),(e)=>process.exit(e.cause?.code==='ECONNREFUSED'?2:3))";
      const child = spawn(command, [...args, "--input-type=module", "-e", asking], { stdio: "ignore" });
      const code = await new Promise((resolve) => child.once("exit", resolve));
      expect(code).to.equal(3); // not even refused: there is no way to that address
    });

    it("the same bytes and the same trust file give the same verdict, years later too", async () => {
      const later = await openTrust(trustText, { now: Date.parse(trust.trust.expires) - 1, digest: trust.digest });
      for (const [name, text] of files) {
        const again = name.endsWith(".ndjson") ? await verifyTrail(text, later) : await verifyReceipt(text, later);
        expect(again).to.deep.equal(await verify(name, text));
        expect(again.ok).to.equal(true);
      }
    });

    describe("against another trust file", () => {
      let foreign: string;
      before(async () => {
        const other = await Stage.open();
        foreign = await readFile(other.trustFile, "utf8");
        await other.close();
        await writeFile(fileOf("foreign.json"), foreign);
      });

      it("of another network: nothing verifies", async () => {
        const strange = await openTrust(foreign, { now: Date.now() });
        expect(strange.digest).not.to.equal(trust.digest);
        for (const [name, text] of files) {
          const verdict = name.endsWith(".ndjson")
            ? await verifyTrail(text, strange)
            : await verifyReceipt(text, strange);
          expect(verdict.ok, name).to.equal(false);
          expect(await verifyOffline(place, fileOf(name), fileOf("foreign.json"))).to.include({ ok: false });
        }
      });

      it("with another digest than the one that is pinned: TRUST_DIGEST", async () => {
        const error = await failureOf(openTrust(foreign, { now: Date.now(), digest: trust.digest }));
        expect(error).to.include({ code: "PROOF_INVALID", detail: "TRUST_DIGEST" });
      });

      it("that has expired: TRUST_EXPIRED", async () => {
        const error = await failureOf(openTrust(trustText, { now: Date.parse(trust.trust.expires) }));
        expect(error).to.include({ detail: "TRUST_EXPIRED" });
      });

      it("with any one byte changed: it does not open, or is not the pinned one", async () => {
        const bytes = Buffer.from(trustText);
        await fc.assert(
          fc.asyncProperty(flip(bytes), async (changed) => {
            await failureOf(openTrust(changed, { now: Date.now(), digest: trust.digest }));
          }),
          { numRuns: FLIPS_A_FILE },
        );
      });
    });

    it("one receipt in another's place, or a receipt shown as a trail, says what it is or is refused", async () => {
      const receipt = files.get("permit.receipt.json") ?? "";
      expect(await verifyTrail(receipt, trust)).to.include({ ok: false });
      expect(await verifyReceipt(files.get("grant.trail.ndjson") ?? "", trust)).to.include({ ok: false });
      const { payload } = JSON.parse(files.get("denial.receipt.json") ?? "") as { readonly payload: string };
      const mixed = JSON.stringify({ ...(JSON.parse(receipt) as object), payload });
      expect(await verifyReceipt(mixed, trust)).to.include({ ok: false, code: "PROOF_INVALID" });
    });

    for (const name of [
      "permit.receipt.json",
      "delivery.receipt.json",
      "denial.receipt.json",
      "grant.trail.ndjson",
      "resource.trail.ndjson",
      "party.trail.ndjson",
    ]) {
      it(`${name}: no flip of one bit anywhere in it verifies`, async () => {
        const bytes = Buffer.from(files.get(name) ?? "");
        await fc.assert(
          fc.asyncProperty(flip(bytes), async (changed) => {
            const verdict = await verify(name, changed);
            if (verdict.ok) throw new Error(`verified although changed:\n${changed.toString("utf8")}`);
          }),
          { numRuns: FLIPS_A_FILE },
        );
      });
    }

    it("no line of a trail can be dropped, repeated or moved", async () => {
      const lines = linesOf(files.get("resource.trail.ndjson") ?? "");
      for (let i = 0; i < lines.length; i++) {
        const dropped = lines.toSpliced(i, 1);
        const repeated = lines.toSpliced(i, 0, lines[i] ?? "");
        const moved = [...lines.slice(0, i), lines[i + 1] ?? "", lines[i] ?? "", ...lines.slice(i + 2)];
        for (const changed of i + 1 < lines.length ? [dropped, repeated, moved] : [dropped, repeated]) {
          const verdict = await verifyTrail(`${changed.join("\n")}\n`, trust);
          expect(verdict.ok, `${i} ${parsed(lines[i] ?? "").t}`).to.equal(false);
        }
      }
    });

    it("the command line says in words and by exit code 1 that a changed file is refused", async () => {
      const text = files.get("permit.receipt.json") ?? "";
      await writeFile(
        fileOf("changed.receipt.json"),
        text.replace(/"signature":"(.)/, (_, c) => `"signature":"${c === "A" ? "B" : "A"}`),
      );
      const cli = path.join(ROOT, "client", "bin", "quanji.js");
      const [command = "", ...args] = place.command;
      const child = spawn(command, [
        ...args,
        cli,
        "verify",
        fileOf("changed.receipt.json"),
        "--trust",
        fileOf("trust.json"),
      ]);
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
      child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect(code, said).to.equal(1);
      expect(said).to.match(/SIGNATURE_INVALID|PROOF_INVALID/);
    });
  });

/** The same bytes with one bit changed. */
const flip = (bytes: Buffer): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.nat(bytes.length - 1), fc.nat(7)).map(([position, bit]) => {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(position) ^ (1 << bit), position);
    return changed;
  });
