import type { QuanjiError } from "@quanji/chaincode/domain";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  formatNote,
  formatVkey,
  NOTE_TYPES,
  parseHash,
  parseNote,
  parseVkey,
  verifySignatures,
} from "@quanji/chaincode/log";
import { formatAddCheckpoint, formatCheckpoint, sha256, signNote, utf8 } from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import { pino } from "pino";
import { streamOf } from "../../readmodel/ledger.test.js";
import { LOG, Story } from "../../readmodel/story.test.js";
import { expectCode } from "../../readmodel/support.test.js";
import type { LedgerBlock } from "../../ledger/ledger.js";
import { History, logSigner, ORIGIN } from "../testing/trees.js";
import { loadWitnessConfig, witnessConfigOf } from "./config.js";
import { type Followed, LedgerPeer } from "./ledger-peer.js";
import { openWitness, type Witness, type WitnessEnvironment } from "./open.js";

const NAME = "witness.test/w";
const honest = History.honest();
const forked = History.forked();
const HEX = Buffer.from(sha256(utf8(ORIGIN))).toString("hex");

/** A ledger that is closed behind its last block. */
const ending = (blocks: readonly LedgerBlock[]): Followed => ({
  newest: () => Promise.resolve(blocks.length),
  blocks: (from) =>
    streamOf(
      from,
      (number) => blocks[number],
      () => true,
      () => undefined,
    ),
});

describe("quanji-witness", () => {
  let folder: string;
  const opened: Witness[] = [];
  beforeEach(async () => void (folder = await mkdtemp(path.join(tmpdir(), "quanji-witness-"))));
  afterEach(async () => {
    for (const witness of opened.splice(0)) await witness.close();
    await rm(folder, { recursive: true });
  });

  const base = { name: NAME, port: 0, logs: [formatVkey(logSigner.key)], log: { level: "silent" } };
  const environment: WitnessEnvironment = { clock: () => 1_700_000_000_000, logger: pino({ level: "silent" }) };
  async function start(input: object = base, more: Partial<WitnessEnvironment> = {}): Promise<Witness> {
    const witness = await openWitness(witnessConfigOf(folder, input, {}), { ...environment, ...more });
    opened.push(witness);
    return witness;
  }
  const post = ({ address }: Witness, body: string): Promise<Response> =>
    fetch(`${address}/add-checkpoint`, { method: "POST", body });

  it("answers a signature line that stands under the checkpoint", async () => {
    const witness = await start();
    const answer = await post(witness, await honest.request(0, 3));
    expect(answer.status).to.equal(200);
    const line = await answer.text();
    expect(line).to.match(/^— witness\.test\/w [A-Za-z0-9+/=]+\n$/);
    const note = parseNote(`${await honest.checkpoint(3)}${line}`);
    const key = parseVkey(witness.vkey, NOTE_TYPES.cosignature);
    expect(await verifySignatures(note, [key], nodeVerifier())).to.deep.equal([{ key, time: 1_700_000_000 }]);
    const newest = await fetch(`${witness.address}/${HEX}/checkpoint`);
    expect([newest.status, await newest.text()]).to.deep.equal([200, formatNote(note)]);
  });

  it("answers 400, 403, 404, 409 with its size, 413 and 422 as tlog-witness says", async () => {
    const witness = await start();
    await post(witness, await honest.request(0, 3));
    const conflict = await post(witness, await honest.request(0, 5));
    expect([conflict.status, conflict.headers.get("content-type"), await conflict.text()]).to.deep.equal([
      409,
      "text/x.tlog.size",
      "3\n",
    ]);
    expect((await post(witness, "nonsense")).status).to.equal(400);
    expect((await post(witness, (await honest.request(3, 5)).replace("\n5\n", "\n6\n"))).status).to.equal(403);
    expect((await post(witness, (await honest.request(3, 5)).replace(ORIGIN, "quanji.test/x"))).status).to.equal(404);
    expect((await post(witness, "a".repeat(80_000))).status).to.equal(413);
    expect((await post(witness, await forked.request(3, 5))).status).to.equal(422);
    expect((await fetch(`${witness.address}/add-checkpoint`)).status).to.equal(405);
    expect((await fetch(`${witness.address}/${"0".repeat(64)}/checkpoint`)).status).to.equal(404);
  });

  it("keeps a fork proof for everybody to fetch, counts it, and still holds it after a restart", async () => {
    const witness = await start();
    await post(witness, await honest.request(0, 3));
    expect((await post(witness, await forked.request(3, 3))).status).to.equal(422);
    const names = (await (await fetch(`${witness.address}/evidence`)).json()) as string[];
    expect(names).to.have.length(1);
    const file = await (await fetch(`${witness.address}/evidence/${names[0] ?? ""}`)).text();
    expect(JSON.parse(file)).to.include({
      kind: "fork",
      older: await honest.checkpoint(3),
      newer: await forked.checkpoint(3),
    });
    expect(await readFile(path.join(folder, "evidence", names[0] ?? ""), "utf8")).to.equal(file);
    expect(await (await fetch(`${witness.address}/metrics`)).text()).to.match(/^quanji_witness_forks_total 1$/m);
    expect((await fetch(`${witness.address}/evidence/..%2fwitness.json`)).status).to.equal(404);
    await witness.close();
    const again = await start();
    expect(again.vkey).to.equal(witness.vkey);
    expect((await post(again, await forked.request(3, 3))).status).to.equal(422);
    expect((await post(again, await forked.request(0, 3))).status).to.equal(409);
    expect((await post(again, await honest.request(3, 5))).status).to.equal(200);
  });

  it("keeps its key in a file of its own that nobody else may read", async () => {
    await start();
    expect((await stat(path.join(folder, "keys", "witness.jwk"))).mode & 0o777).to.equal(0o600);
  });

  it("says in its health that it has no peer", async () => {
    const { address, vkey, headsKey, blocksKey } = await start();
    const health: unknown = await (await fetch(`${address}/healthz`)).json();
    expect(health).to.deep.equal({ ok: true, vkey, headsKey, blocksKey, peer: "none" });
    const asked = await fetch(`${address}/head-notes`, { method: "POST", body: "{}" });
    expect([asked.status, ((await asked.json()) as { code: string }).code]).to.deep.equal([404, "NOT_FOUND"]);
  });

  describe("with a peer", () => {
    async function told(
      patienceMs = 1,
    ): Promise<{ story: Story; witness: Witness; body: (oldSize: number) => Promise<string> }> {
      const story = new Story();
      const grant = await story.prepare();
      await story.record([await story.access({ grant })]);
      const witness = await start(
        { ...base, logs: [], fabric: { profile: "not-read.json" }, patienceMs },
        { ledger: story.ledger },
      );
      const body = async (oldSize: number) => {
        const view = await story.ledger.view();
        const { size, root } = JSON.parse((await view.get(`log/${LOG}`)) ?? "") as { size: number; root: string };
        const text = formatCheckpoint({ origin: LOG, size, root: parseHash(root) });
        const { key, sign } = story.logs[LOG];
        return formatAddCheckpoint({
          oldSize,
          proof: [],
          note: { text, signatures: [await signNote(text, key, sign)] },
        });
      };
      return { story, witness, body };
    }
    /** Until the witness has read all that is there. */
    async function caughtUp({ address }: Witness, body: string): Promise<Response> {
      for (;;) {
        const answer = await post({ address } as Witness, body);
        if (answer.status !== 503 && answer.status !== 404) return answer;
        await answer.arrayBuffer();
      }
    }

    it("cosigns the logs of its ledger under the keys registered there, at the sizes that were committed", async () => {
      const { story, witness, body } = await told();
      expect((await caughtUp(witness, await body(0))).status).to.equal(200);
      const { key, sign } = story.logs[LOG];
      const invented = formatCheckpoint({ origin: LOG, size: 1, root: honest.root(1) });
      const note = { text: invented, signatures: [await signNote(invented, key, sign)] };
      expect((await post(witness, formatAddCheckpoint({ oldSize: 1, proof: [], note }))).status).to.equal(422);
    });

    it("refuses a tree that the peer has not, though it holds nothing of the log yet", async () => {
      const { story, witness, body } = await told();
      const { key, sign } = story.logs[LOG];
      const text = formatCheckpoint({ origin: LOG, size: 1, root: honest.root(1) });
      const note = { text, signatures: [await signNote(text, key, sign)] };
      expect((await caughtUp(witness, formatAddCheckpoint({ oldSize: 0, proof: [], note }))).status).to.equal(422);
      expect((await caughtUp(witness, await body(0))).status).to.equal(200);
    });

    it("asks for patience while its peer has not got that far", async () => {
      const { story, witness, body } = await told();
      // Proves only that the peer's blocks are read: a size that does not fit is refused once the log is known.
      expect((await caughtUp(witness, (await body(0)).replace("old 0", "old 1"))).status).to.equal(409);
      const { key, sign } = story.logs[LOG];
      const text = formatCheckpoint({ origin: LOG, size: 2, root: honest.root(2) });
      const note = { text, signatures: [await signNote(text, key, sign)] };
      const answer = await post(witness, formatAddCheckpoint({ oldSize: 0, proof: [], note }));
      expect([answer.status, answer.headers.get("retry-after")]).to.deep.equal([503, "1"]);
    });

    it("waits a while for what its gateway has just committed", async () => {
      const { story } = await told();
      const openPeer = (name: string, patienceMs: number) =>
        LedgerPeer.open({
          folder: path.join(folder, name),
          ledger: { blocks: (from) => story.ledger.blocks(from), newest: () => story.ledger.height() },
          clock: () => 0,
          patienceMs,
          onError: (error) => {
            throw error;
          },
        });
      const patient = await openPeer("patient", 600_000);
      const asked = patient.standing(LOG, 2);
      await story.record([await story.void(story.bank)]);
      expect((await asked).state).to.equal("committed");
      await patient.close();
      const hasty = await openPeer("hasty", 1);
      expect((await hasty.standing(LOG, 9)).state).to.equal("behind");
      await hasty.close();
    });

    it("reads no further once its peer shows another ledger than before", async () => {
      const story = new Story();
      await story.prepare();
      const faults: unknown[] = [];
      const read = async (blocks: readonly LedgerBlock[]): Promise<LedgerPeer> => {
        const onError = (error: unknown): void => void faults.push(error);
        const options = { folder: path.join(folder, "peer"), ledger: ending(blocks), clock: () => 0, onError };
        const peer = await LedgerPeer.open(options);
        await peer.ended;
        await peer.close();
        return peer;
      };
      const { made } = story.ledger;
      expect((await read(made)).height).to.equal(made.length);
      expect((await read(made)).height).to.equal(made.length);
      expect(faults).to.deep.equal([]);
      const other = made.map((block, i) => (i === made.length - 1 ? { ...block, hash: "another" } : block));
      await read(other);
      expect(faults.map((fault) => (fault as QuanjiError).detail)).to.deep.equal(["FORK"]);
    });
  });

  it("as a program says where it is and what its key is, and ends by a signal once what is under way is answered", async () => {
    await writeFile(path.join(folder, "witness.json"), JSON.stringify(base));
    const program = fileURLToPath(new URL("../../../bin/quanji-witness.js", import.meta.url));
    const child = spawn(process.execPath, [program], { env: { ...process.env, QUANJI_DATA: folder } });
    const ended = new Promise((resolve) => child.on("close", resolve));
    let said = "";
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes("own peer")) break;
    }
    const address = /^ready (\S+)$/m.exec(said)?.[1] ?? "";
    expect(said).to.match(/^ {2}verifier key, for trust files {3}witness\.test\/w\+[0-9a-f]{8}\+B/m);
    expect((await post({ address } as Witness, await honest.request(0, 3))).status).to.equal(200);
    child.kill("SIGTERM");
    expect(await ended).to.equal(0);
  });

  describe("its configuration", () => {
    it("is a file, overridden by a few variables", async () => {
      await writeFile(path.join(folder, "witness.json"), JSON.stringify({ ...base, port: 1234 }));
      const config = await loadWitnessConfig(
        { QUANJI_DATA: folder, QUANJI_PORT: "0", QUANJI_WITNESS_NAME: "w.b/1" },
        "/",
      );
      expect(config).to.deep.include({ data: folder, port: 0, name: "w.b/1", refreshMs: 60_000 });
      const profiled = await loadWitnessConfig({ QUANJI_DATA: folder, QUANJI_FABRIC_PROFILE: "p.json" }, "/srv");
      expect(profiled.fabric.profile).to.equal("/srv/p.json");
    });

    const wrong: readonly (readonly [string, object, string])[] = [
      ["no name", { ...base, name: undefined }, "name"],
      ["a name with a space", { ...base, name: "a b" }, "name"],
      ["no log and no peer", { ...base, logs: [] }, "logs"],
      ["a witness's key as a log's", { ...base, logs: ["x"] }, "logs.0"],
      ["an unknown member", { ...base, more: 1 }, "more"],
      ["no object", [], "witness.json"],
    ];
    for (const [what, input, field] of wrong) {
      it(`refuses ${what}`, () => {
        expect(() => witnessConfigOf(folder, input, {}))
          .to.throw()
          .with.include({ code: "CONFIG_INVALID", field });
      });
    }

    it("refuses a folder in use, and a key that others may read", async () => {
      const first = await start();
      await expectCode(start(), "CONFIG_INVALID", "IN_USE");
      await first.close();
      opened.pop();
      await chmod(path.join(folder, "keys", "witness.jwk"), 0o644);
      const thrown: unknown = await start().catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(Error).with.property("message").that.includes("witness.jwk");
    });
  });
});
