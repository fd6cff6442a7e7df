import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { ForkProof } from "@quanji/chaincode/domain";
import {
  formatAddCheckpoint,
  formatVkey,
  hashText,
  NOTE_TYPES,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
} from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import { Level } from "level";
import { expectCode } from "../../readmodel/support.test.js";
import { History, logSigner, ORIGIN, seededSigner } from "../testing/trees.js";
import { type Added, Cosigner, type CosignerOptions, WITNESS_STEPS } from "./cosigner.js";
import { WitnessMemory } from "./memory.js";
import type { Peer, Standing } from "./peer.js";

const signer = seededSigner("witness.test/w", NOTE_TYPES.cosignature);
const honest = History.honest();
const forked = History.forked();
const NOW = 1_700_000_000_000;

describe("G6 a witness", () => {
  let folder: string;
  let memory: WitnessMemory;
  let now: number;
  let forks: ForkProof[];
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "quanji-witness-"));
    memory = await WitnessMemory.open(folder);
    now = NOW;
    forks = [];
  });
  afterEach(async () => {
    await memory.close();
    await rm(folder, { recursive: true });
  });

  const make = (options: Partial<CosignerOptions> = {}): Cosigner =>
    new Cosigner({
      signer,
      memory,
      vkeys: [formatVkey(logSigner.key)],
      clock: () => now,
      verify: nodeVerifier(),
      publish: (fork) => Promise.resolve(void forks.push(fork)),
      ...options,
    });
  const cosigned = async (added: Added) => {
    if (added.outcome !== "cosigned") throw new Error(`not cosigned: ${added.outcome}`);
    return openCheckpoint(added.note, [logSigner.key], [signer.key], nodeVerifier());
  };

  it("cosigns a log's first checkpoint and then what grew out of it, with its own time", async () => {
    const witness = make();
    const first = await cosigned(await witness.add(await honest.request(0, 3)));
    expect(first.cosigners).to.deep.equal([{ key: signer.key, time: NOW / 1000 }]);
    now += 5_000;
    const next = await cosigned(await witness.add(await honest.request(3, 11)));
    expect(next.checkpoint.size).to.equal(11);
    expect(next.cosigners[0]?.time).to.equal(NOW / 1000 + 5);
    expect(await witness.newest(ORIGIN)).to.include("\n11\n");
  });

  it("cosigns the same checkpoint again", async () => {
    const witness = make();
    await cosigned(await witness.add(await honest.request(0, 3)));
    now += 60_000;
    const again = await cosigned(await witness.add(await honest.request(3, 3)));
    expect(again.cosigners[0]?.time).to.equal(NOW / 1000 + 60);
  });

  it("refuses what is not a request, another log's, or not signed by the log", async () => {
    const witness = make();
    const stranger = seededSigner("quanji.test/town/gw/1", NOTE_TYPES.ed25519);
    const impostor = seededSigner(ORIGIN, NOTE_TYPES.ed25519, "another key");
    expect((await witness.add("old 0\n")).outcome).to.equal("malformed");
    expect((await witness.add(Uint8Array.of(0xff))).outcome).to.equal("malformed");
    expect((await witness.add(await honest.request(0, 3, stranger))).outcome).to.equal("unknown");
    expect((await witness.add(await honest.request(0, 3, impostor))).outcome).to.equal("unsigned");
    const three = await honest.note(3);
    const broken = { text: (await honest.note(5)).text, signatures: three.signatures };
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], note: broken });
    expect((await witness.add(body)).outcome).to.equal("unsigned");
    expect((await witness.add(await honest.request(5, 3))).outcome).to.equal("malformed");
    expect(await memory.origins()).to.deep.equal([]);
  });

  it("says which size it holds where the old size is another", async () => {
    const witness = make();
    expect(await witness.add(await honest.request(2, 3))).to.deep.equal({ outcome: "conflict", size: 0 });
    await witness.add(await honest.request(0, 5));
    expect(await witness.add(await honest.request(0, 11))).to.deep.equal({ outcome: "conflict", size: 5 });
    expect(await witness.add(await honest.request(3, 3))).to.deep.equal({ outcome: "conflict", size: 5 });
  });

  it("refuses a second tree of one size, whatever old size is named, and keeps the proof of it", async () => {
    const witness = make();
    await witness.add(await honest.request(0, 3));
    for (const old of [0, 3]) {
      const { outcome } = await witness.add(await forked.request(old, 3));
      expect(outcome).to.equal(old === 3 ? "contradiction" : "conflict");
    }
    expect(forks).to.have.length(2);
    expect(forks[0]).to.deep.equal({
      v: "quanji.evidence.v1",
      kind: "fork",
      older: await honest.checkpoint(3),
      newer: await forked.checkpoint(3),
    });
    expect((await cosigned(await witness.add(await honest.request(3, 5)))).checkpoint.size).to.equal(5);
  });

  it("refuses a tree that does not contain the one it holds; the forked tree's own proof is evidence", async () => {
    const witness = make();
    await witness.add(await honest.request(0, 3));
    expect((await witness.add(await forked.request(3, 11))).outcome).to.equal("contradiction");
    expect(forks.map(({ proof }) => proof)).to.deep.equal([(await forked.proof(3, 11)).map(hashText)]);
  });

  it("a proof that leads nowhere is refused and is no evidence", async () => {
    const witness = make();
    await witness.add(await honest.request(0, 3));
    const note = await honest.note(11);
    for (const proof of [[], (await honest.proof(3, 11)).reverse()]) {
      const body = formatAddCheckpoint({ oldSize: 3, proof, note });
      expect((await witness.add(body)).outcome).to.equal("contradiction");
    }
    expect(forks).to.deep.equal([]);
  });

  it("22 of requests at once only one tree is cosigned, and nothing rolls back", async () => {
    const witness = make();
    await witness.add(await honest.request(0, 3));
    const asked = [5, 7, 11, 12].flatMap((size) => [honest.request(3, size), forked.request(3, size)]);
    const outcomes = await Promise.all((await Promise.all(asked)).map((body) => witness.add(body)));
    // Which of them comes first is not said: signatures are checked side by side.
    const signed = outcomes.filter((one) => one.outcome === "cosigned");
    expect(signed).to.have.length(1);
    expect(await witness.newest(ORIGIN)).to.equal(signed[0]?.note);
    const { size, root } = parseCheckpoint(parseNote(signed[0]?.note ?? "").text);
    expect([honest.root(size), forked.root(size)].map((each) => each.join())).to.include(root.join());
    expect(size).to.be.greaterThan(3);
  });

  it("hands on the log's signatures and its own, and no stranger's", async () => {
    const witness = make();
    const note = await honest.note(3);
    const stranger = { name: "stranger.test", id: 7, bytes: new Uint8Array(64) };
    const body = formatAddCheckpoint({
      oldSize: 0,
      proof: [],
      note: { ...note, signatures: [stranger, ...note.signatures] },
    });
    const { note: opened } = await cosigned(await witness.add(body));
    expect(opened.signatures.map(({ name }) => name)).to.deep.equal([ORIGIN, "witness.test/w"]);
  });

  it("signs nothing with a time before its last one", async () => {
    const witness = make();
    await witness.add(await honest.request(0, 3));
    now -= 2_000;
    expect((await witness.add(await honest.request(3, 5))).outcome).to.equal("behind");
    expect(await witness.refresh(ORIGIN)).to.equal(false);
  });

  it("signs an idle log again, with a new time and one cosignature of its own", async () => {
    const witness = make();
    expect(await witness.refresh(ORIGIN)).to.equal(false);
    await witness.add(await honest.request(0, 3));
    now += 60_000;
    expect(await witness.refresh(ORIGIN)).to.equal(true);
    const newest = await openCheckpoint(await witness.newest(ORIGIN), [logSigner.key], [signer.key], nodeVerifier());
    expect(newest.note.signatures).to.have.length(2);
    expect(newest.cosigners[0]?.time).to.equal(NOW / 1000 + 60);
  });

  it("signs nothing about a log of which its memory is damaged", async () => {
    const witness = make();
    await witness.add(await honest.request(0, 3));
    await memory.close();
    const db = new Level(folder);
    await db.put(`held/${ORIGIN}`, '{"size":0}');
    await db.close();
    memory = await WitnessMemory.open(folder);
    await expectCode(make().add(await forked.request(0, 3)), "INTERNAL", "WITNESS_STATE");
  });

  it("two processes cannot hold one memory", async () => {
    await expectCode(WitnessMemory.open(folder), "CONFIG_INVALID", "IN_USE");
  });

  describe("with a peer of its own", () => {
    const peerOf = (history: History, sizes: readonly number[]): Peer => ({
      vkeys: (origin) => Promise.resolve(origin === ORIGIN ? [formatVkey(logSigner.key)] : []),
      newest: () => Promise.resolve(sizes.at(-1)),
      standing: (_origin, size): Promise<Standing> =>
        Promise.resolve(
          sizes.includes(size)
            ? { state: "committed", root: hashText(history.root(size)) }
            : { state: size > (sizes.at(-1) ?? 0) ? "behind" : "never" },
        ),
    });

    it("waits for the peer, and signs what it has committed", async () => {
      const witness = make({ peer: peerOf(honest, [3, 5]), vkeys: [] });
      expect((await witness.add(await honest.request(0, 7))).outcome).to.equal("behind");
      await cosigned(await witness.add(await honest.request(0, 5)));
    });

    it("refuses a log that its peer does not have, though the gateway signed it and nothing else is known", async () => {
      const witness = make({ peer: peerOf(honest, [3, 5]), vkeys: [] });
      expect((await witness.add(await forked.request(0, 3))).outcome).to.equal("contradiction");
      expect((await witness.add(await honest.request(0, 4))).outcome).to.equal("contradiction");
      expect(await memory.origins()).to.deep.equal([]);
    });

    it("does not sign an old head again once its peer has a newer one: that would hide it", async () => {
      const witness = make({ peer: peerOf(honest, [3, 5]), vkeys: [] });
      await witness.add(await honest.request(0, 3));
      expect(await witness.refresh(ORIGIN)).to.equal(false);
      await witness.add(await honest.request(3, 5));
      expect(await witness.refresh(ORIGIN)).to.equal(true);
    });
  });

  describe("killed", () => {
    const CHILD = fileURLToPath(new URL("../testing/crash-child.js", import.meta.url));

    async function runToDeath(step: string): Promise<string[]> {
      const child = spawn(process.execPath, [CHILD, folder, step], { stdio: ["ignore", "pipe", "pipe"] });
      const [output, errors]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
      const signal = await new Promise((resolve, reject) => {
        child.on("error", reject).on("close", (_code, by) => resolve(by));
      });
      expect(signal, Buffer.concat(errors).toString()).to.equal("SIGKILL");
      const lines = Buffer.concat(output).toString().split("\n").filter(Boolean);
      return lines.map((line) => JSON.parse(line) as string);
    }

    for (const step of [...WITNESS_STEPS, "answered"]) {
      it(`at "${step}" has answered nothing that it would contradict afterwards`, async () => {
        await memory.close();
        const said = await runToDeath(step);
        memory = await WitnessMemory.open(folder);
        const witness = make();
        // The log has changed its mind while the witness was away.
        const before = (await memory.held(ORIGIN))?.size;
        const after = await witness.add(await forked.request(before ?? 0, 11));
        if (after.outcome === "cosigned") said.push(after.note);
        const sizes = said.map((note) => parseCheckpoint(parseNote(note).text));
        for (const { size, root } of sizes) expect(hashText(root)).to.equal(hashText(honest.root(size)));
        expect(said).to.have.length(step === "answered" ? 3 : 2);
        expect(before).to.equal(step === "persisted" || step === "answered" ? 11 : 5);
        expect(after.outcome).to.equal("contradiction");
        await cosigned(await witness.add(await honest.request(before ?? 0, 12)));
      });
    }
  });
});
