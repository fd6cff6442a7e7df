/** G6 no split view: nothing counts that a quorum of organisations has not seen, and who shows two histories convicts himself. */
import {
  appendLeaves,
  consistencyProof,
  emptyFrontier,
  formatAddCheckpoint,
  formatCheckpoint,
  newNodes,
  parseHash,
  parseNote,
  rootOf,
  sha256,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import { verifyEvidence, verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import type { Hands } from "../../../client/dist/verify/forging.support.test.js";
import { handsOf, readLines, writeLines } from "../attacks/hostile.js";
import type { Ground } from "../support/ground.js";
import { type LocalHost, LOG } from "../support/host.js";
import { IDS, RESOURCE, Stage } from "../support/stage.js";
import { until } from "../support/until.js";
import { type Witnessed, witnessed } from "../support/witnesses.js";

export const g6 = (ground: Ground): void =>
  void describe(`G6 no split view${ground.on}`, () => {
    let city: Witnessed;
    let stage: Stage<LocalHost>;
    let hands: Hands;
    let grant: string;
    /** A use whose receipt a quorum has cosigned. */
    let used: string;

    before(async () => {
      city = witnessed(ground);
      stage = await Stage.open({ ground: city.ground });
      hands = await handsOf(stage);
      grant = await stage.granted();
      used = (await stage.use("insurer", stage.access(grant))).request ?? "";
    });
    after(() => stage.close());

    const receiptOf = async (request: string) => (await (await stage.client("insurer")).receipt(request)).access;
    const cosigned = (request: string) =>
      until(async () => {
        const receipt = await receiptOf(request);
        return receipt.receipt.level === "cosigned" ? receipt : undefined;
      });

    it("a receipt becomes cosigned by itself, and says how many dishonest organisations that withstands", async () => {
      const { jws } = await cosigned(used);
      const verdict = await verifyReceipt(jws, await stage.trust(), { level: "cosigned" });
      expect(verdict, verdict.message).to.include({ ok: true, level: "cosigned", singleOperator: false });
      expect(verdict.withstands)
        .to.equal(2 * city.quorum - city.witnesses.length - 1)
        .and.to.be.at.least(1);
    });

    it("the same call waits for it, where it is asked to", async () => {
      const client = await stage.client("insurer");
      const { receipt } = await client.access(stage.access(grant), { evidence: "cosigned", waitSeconds: 10 });
      expect(receipt.receipt.level).to.equal("cosigned");
    });

    it("every trail ends in heads that a quorum states", async () => {
      for (const [kind, id] of [
        ["resource", RESOURCE],
        ["grant", grant],
        ["party", IDS.insurer],
      ] as const) {
        // On a busy machine a witness may be asked before it has the last block.
        const verdict = await until(async () => {
          const said = await verifyTrail(await stage.trail("regulator", kind, id), await stage.trust());
          return said.detail === "WITNESS_QUORUM" ? undefined : said;
        });
        expect(verdict, `${kind}: ${verdict.message ?? ""}`).to.include({ ok: true, level: "cosigned" });
      }
    });

    it("too few signatures prove nothing, be they of a true checkpoint or of a true head", async () => {
      const trail = readLines(await stage.trail("regulator", "resource", RESOURCE));
      const few = (note: string): string => note.split("\n— ").slice(0, city.quorum).join("\n— ") + "\n";
      for (const member of ["proof", "note"] as const) {
        const changed = trail.map((line) => {
          const text = line.t === "logEnd" ? line[member] : undefined;
          return text === undefined ? line : { ...line, [member]: few(text) };
        });
        expect(changed).not.to.deep.equal(trail);
        const verdict = await verifyTrail(writeLines(changed), await stage.trust());
        expect(verdict, member).to.include({ ok: false, code: "UNDERWITNESSED", detail: "WITNESS_QUORUM" });
      }
    });

    /** What the operator signs beside the truth: a tree of that size with other leaves. */
    const otherTree = async (size: number): Promise<string> => {
      const leaves = Array.from({ length: size }, (_, i) => sha256(utf8(`another leaf ${i}`)));
      const text = formatCheckpoint({ origin: LOG, size, root: rootOf(appendLeaves(emptyFrontier(), leaves)) });
      const signature = await hands.logs[LOG]?.note(text);
      return formatAddCheckpoint({
        oldSize: size,
        proof: [],
        note: { text, signatures: signature ? [signature] : [] },
      });
    };

    it("another tree of a size that they have cosigned: every witness refuses, and publishes what convicts the log", async () => {
      await cosigned(used);
      for (const { address } of city.witnesses) {
        const sha = Buffer.from(sha256(utf8(LOG))).toString("hex");
        const held = await until(async () => {
          const answer = await fetch(`${address}/${sha}/checkpoint`);
          return answer.status === 200 ? parseNote(await answer.text()) : undefined;
        });
        const size = Number(held.text.split("\n")[1]);
        const answer = await fetch(`${address}/add-checkpoint`, { method: "POST", body: await otherTree(size) });
        // A log that has grown meanwhile is told its new size first.
        const again =
          answer.status === 409
            ? await fetch(`${address}/add-checkpoint`, {
                method: "POST",
                body: await otherTree(Number(await answer.text())),
              })
            : answer;
        expect(again.status).to.equal(422);
        const [name = ""] = (await (await fetch(`${address}/evidence`)).json()) as string[];
        const proof = await (await fetch(`${address}/evidence/${name}`)).text();
        const verdict = await verifyEvidence(proof, await stage.trust());
        expect(verdict, verdict.message).to.deep.include({ ok: true, accused: [{ name: LOG, role: "log" }] });
      }
    });

    it("a true tree grown by leaves that no peer has committed: a good proof, and nobody cosigns", async () => {
      const sha = Buffer.from(sha256(utf8(LOG))).toString("hex");
      const sizeOf = async (url: string): Promise<number> => Number((await (await fetch(url)).text()).split("\n")[1]);
      const size = await sizeOf(`${stage.host.address}/v1/logs/0/checkpoint`);
      const tile = new Uint8Array(
        await (await fetch(`${stage.host.address}/v1/logs/0/tile/0/000.p/${size}`)).arrayBuffer(),
      );
      expect(tile.length, "one tile holds the log's leaves").to.equal(32 * size);
      const leaves = Array.from({ length: size }, (_, i) =>
        parseHash(toBase64url(tile.subarray(32 * i, 32 * (i + 1)))),
      );
      const grown = [...leaves, ...[1, 2, 3].map((i) => sha256(utf8(`a leaf that nobody committed ${i}`)))];
      const nodes = new Map(
        newNodes(emptyFrontier(), grown).map(({ level, index, hash }) => [`${level}/${index}`, hash]),
      );
      const root = rootOf(appendLeaves(emptyFrontier(), grown));
      const text = formatCheckpoint({ origin: LOG, size: grown.length, root });
      const signature = await hands.logs[LOG]?.note(text);
      if (signature === undefined) throw new Error("the operator has no key");
      for (const { address } of city.witnesses) {
        const oldSize = await sizeOf(`${address}/${sha}/checkpoint`);
        const proof = await consistencyProof(oldSize, grown.length, (level, index) => {
          const node = nodes.get(`${level}/${index}`);
          if (node === undefined) throw new RangeError("no such node");
          return node;
        });
        const body = formatAddCheckpoint({ oldSize, proof, note: { text, signatures: [signature] } });
        const answer = await fetch(`${address}/add-checkpoint`, { method: "POST", body });
        expect([answer.status, await answer.text()]).to.deep.equal([503, "not that far yet: ask again\n"]);
        expect(await sizeOf(`${address}/${sha}/checkpoint`)).to.equal(oldSize);
      }
    });

    it("without a quorum receipts stay committed and prove nothing to whoever asks for one", async () => {
      const out = city.witnesses.length - city.quorum + 1;
      const gone = city.witnesses.splice(0, out);
      for (const witness of gone) await witness.close();
      const { request = "", outcome } = await stage.use("insurer", stage.access(grant));
      expect(outcome, "data is released at committed").to.equal("permit");
      const { jws, receipt } = await receiptOf(request);
      expect(receipt.level).to.equal("committed");
      expect(await verifyReceipt(jws, await stage.trust())).to.include({ ok: false, code: "UNDERWITNESSED" });
    });
  });
